from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.table import report
from benchmarks import serving
import sys
r=Results()
serving.run(Plan(rounds=int(sys.argv[1])),r)
print(report(r))
