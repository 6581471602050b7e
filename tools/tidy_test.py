#!/usr/bin/env python3
"""Property: tools/tidy.py finds every fault that it names, and nothing in a house that is in order."""
import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy

GOOD = {
    "src/base/CMakeLists.txt": "cairn_room(NAME base)\n",
    "src/base/clock.cc": '#include "base/clock.h"\nint f() {\n  return 1;\n}\n',
    "src/base/clock.h": "#pragma once\nint f();\n",
    "src/io/CMakeLists.txt": "cairn_room(NAME io DEPENDS base)\n",
    "src/io/file.cc": '#include "base/clock.h"\n',
    "tests/base/clock_test.cc": "TEST(Clock, Ticks) {}\n",
    "tests/io/file_test.cc": "TEST(File, Reads) {}\n",
    "ARCHITECTURE.md": "| `base` | x | none |\n| `io` | x | base |\nsee `src/io/file.cc`\n",
}


class Tidy(unittest.TestCase):
    def faults(self, **changes):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            subprocess.run(["git", "init", "-q", folder], check=True)
            for path, text in {**GOOD, **{k.replace("__", "/").replace("_DOT_", "."): v for k, v in changes.items()}}.items():
                if text is None:
                    continue
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return list(tidy.faults(root))

    def expect(self, part, **changes):
        found = self.faults(**changes)
        self.assertTrue(any(part in fault for fault in found), f"{part!r} not in {found}")

    def test_a_house_in_order_has_no_fault(self):
        self.assertEqual(self.faults(), [])

    def test_an_include_that_goes_up_is_found(self):
        self.expect("may not include io", src__base__clock_DOT_cc='#include "io/file.h"\n')

    def test_rooms_in_a_circle_are_found(self):
        self.expect("depends on itself", src__base__CMakeLists_DOT_txt="cairn_room(NAME base DEPENDS io)\n")

    def test_a_third_party_header_in_a_header_is_found(self):
        self.expect("third-party header", src__base__clock_DOT_h="#include <nlohmann/json.hpp>\n")

    def test_bans_are_found(self):
        for line, word in [("std::mutex m;", "std::mutex"), ('auto x = getenv("A");', "getenv"), ("int r = rand();", "rand"),
                           ("usleep(5);", "usleep"), ("std::chrono::system_clock::now();", "system_clock"), ("using namespace std;", "using namespace"),
                           ("int x;  // TODO later", "TODO"), ("// TEST(A, B) {", "// TEST"), ("assert(x);", "assert")]:
            self.expect(f"banned here: {word}" if word != "getenv" else "getenv", src__io__file_DOT_cc=line + "\n")

    def test_a_ban_does_not_fire_in_a_comment_or_a_string(self):
        self.assertEqual(self.faults(src__io__file_DOT_cc='const char* s = "std::mutex";  // like std::mutex\n'), [])

    def test_a_missing_mirror_is_found(self):
        self.expect("no mirror", tests__io__file_test_DOT_cc=None)

    def test_another_test_may_stand_in_for_a_mirror(self):
        named = {"tests__io__file_test_DOT_cc": None, "tests__contract__all_test_DOT_cc": "TEST(A, B) {}\n"}
        self.assertEqual(self.faults(tools__mirrors_DOT_txt="src/io/file.cc tests/contract/all_test.cc\n", **named), [])
        self.expect("no mirror tests/contract/gone_test.cc", tools__mirrors_DOT_txt="src/io/file.cc tests/contract/gone_test.cc\n", **named)
        self.expect("names src/io/gone.cc", tools__mirrors_DOT_txt="src/io/gone.cc tests/contract/all_test.cc\n")

    def test_sizes_are_found(self):
        self.expect("501 lines", src__io__file_DOT_cc="int x;\n" * 501)
        self.expect("251 lines", src__io__file_DOT_h="int x;\n" * 251)
        self.expect("function of 71 lines", src__io__file_DOT_cc="int f() {\n" + "  g();\n" * 69 + "}\n")

    def test_a_path_that_does_not_exist_is_found(self):
        self.expect("names src/io/gone.cc", README_DOT_md="see `src/io/gone.cc`\n")
        self.expect("links to gone.md", README_DOT_md="[x](gone.md)\n")

    def test_the_rooms_table_is_compared(self):
        self.expect("room io says", ARCHITECTURE_DOT_md="| `base` | x | none |\n| `io` | x | kv |\n")
        self.expect("no row for room io", ARCHITECTURE_DOT_md="| `base` | x | none |\n")
        self.expect("lines; at most 300", ARCHITECTURE_DOT_md="| `base` | x | none |\n| `io` | x | base |\n" + "x\n" * 300)


if __name__ == "__main__":
    unittest.main()
