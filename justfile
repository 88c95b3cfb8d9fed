# What a developer types. Everything here works without `just` as well.

python := ".venv/bin/python"

# Bring .venv up to date
sync:
    python3 installer/bootstrap.py sync

# The tests, as CI runs them
test *args:
    python3 installer/bootstrap.py test {{args}}

# Lint, types and import contracts
check:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# Format and mend what can be mended
mend:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# All of CI
ci:
    .ci/run

# Make the locks again (needs uv)
lock:
    {{python}} installer/lock.py
