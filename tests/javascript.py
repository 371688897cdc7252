"""Runs the JavaScript of our pages in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from gradcli.pictures.lesson.page import asset

if TYPE_CHECKING:
    from collections.abc import Sequence

NODE = shutil.which("node")


def evaluated(assets: Sequence[str], script: str, data: Any) -> Any:
    """What `script`, the body of a function of `data`, returns after the parts of a page.

    Numbers that JSON lacks are the texts "NaN", "Infinity" and "-Infinity".
    """
    assert NODE is not None
    source = "".join([asset(name) for name in assets])
    plain = 'typeof x === "number" && !isFinite(x) ? String(x) : Object.is(x, -0) ? "-0" : x'
    source += f"""
const found = ((data) => {{ {script} }})(JSON.parse(require("fs").readFileSync(0, "utf8")));
console.log(JSON.stringify(found, (_, x) => {plain}));"""
    run = subprocess.run(
        [NODE, "-e", source], input=json.dumps(data), capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


RUN = """
return data.map(({ program, points, results }) => {
  const { numbers, run } = interpreter(program);
  return points.map((point) => {
    numbers.set(point.map(Number));
    run();
    return results.map((place) => numbers[place]);
  });
});"""


def runs(jobs: Sequence[dict[str, Any]]) -> list[list[list[float]]]:
    """For each job, a program with points and places of results, the results at each point."""
    for job in jobs:
        job["points"] = [list(map(str, point)) for point in job["points"]]
    found = evaluated(["library.js", "bessel.js", "special.js", "interpreter.js"], RUN, jobs)
    return [[list(map(float, results)) for results in points] for points in found]
