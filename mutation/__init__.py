"""
Mutation testing: small changes to the source, each of which the fast tests have to notice.

``python -m mutation`` draws changes from a seed, and makes each of them in a copy of the checkout.
There it runs those fast tests that run the changed line.  A change that no test notices *survives*,
and is printed as a diff.  The command needs the extra ``mutation`` and a POSIX system::

    python -m mutation --seed 1 --mutants 50 --jobs 2
    python -m mutation --mutants 20 src/dwdht_twisted/_core/lookup/*.py

A survivor shows that no test states some rule of the code.  The cure is a test of this rule, which
may fail for other changes too.  A survivor that changes nothing is listed in `unchanged`, with the
reason.

The modules, from the lowest to the highest:

- `operators`: the kinds of changes
- `unchanged`: the changes that no test can notice
- `drawing`: the files that are changed, and the changes that a seed draws
- `covering`: the modules of tests that run a changed line
- `trying`: the copy of the checkout, and the tests that run there
"""
