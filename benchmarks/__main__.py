from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.table import report
from benchmarks import serving, networks, internet, growth
import sys
r=Results()
globals()[sys.argv[2]].run(Plan(rounds=int(sys.argv[1])),r)
print(report(r))
