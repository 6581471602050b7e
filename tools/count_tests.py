#!/usr/bin/env python3
"""tools/count_tests.py FOLDER...   adds up the JUnit files below the folders: 'N passed, N failed, N skipped'.

A program that ctest saw fail and that left no file of its own (it crashed or hung) is one failure. Exit status 1 when anything failed or nothing ran.
"""
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def count(folders):
    passed = failed = skipped = 0
    for file in (f for folder in folders for f in sorted(Path(folder).rglob("*.xml"))):
        for case in ET.parse(file).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"failed: {case.get('classname')}.{case.get('name')}")
            elif case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed") or case.get("status") == "notrun":
                skipped += 1
            else:
                passed += 1
    for file in (f for folder in folders for f in sorted(Path(folder).rglob("*.ctest"))):
        for case in ET.parse(file).getroot().iter("testcase"):
            if case.get("status") == "fail" and not (file.parent / f"{case.get('name')}_test.xml").exists():
                failed += 1
                print(f"failed: {case.get('name')} did not reach its end")
    return passed, failed, skipped


if __name__ == "__main__":
    totals = count(sys.argv[1:])
    print("{} passed, {} failed, {} skipped".format(*totals))
    sys.exit(1 if totals[1] or not totals[0] else 0)
