"use strict";
// Runs a program, which is data: {inputs, size, constants, code, functions, tables}, where an
// instruction is [op, destination, argument, …] and all but op are slots of numbers.
//
// interpreter(program) returns {numbers, run}. The first numbers are the inputs; whoever has set
// them calls run() and finds all other numbers in their slots.
function interpreter(program) {
  const bodies = (program.functions ?? []).map(machine);

  function machine({ size, constants, code, result }) {
    const numbers = new Float64Array(size);
    for (const [slot, value] of constants) numbers[slot] = Number(value);
    const steps = code.map(([op, to, a, b = 0, c = 0, ...more]) => ({ apply: compute(op, a, b, c, more), to, a, b, c }));

    function compute(op, a, b, c, more) {
      if (op === "pick") return (index) => program.tables[b][index];
      if (op === "choose") return (condition) => bodies[condition ? b : c](more.map((slot) => numbers[slot]));
      return library[op];
    }

    function run() {
      for (let i = 0; i < steps.length; i++) {
        const step = steps[i];
        numbers[step.to] = step.apply(numbers[step.a], numbers[step.b], numbers[step.c]);
      }
    }

    if (result === undefined) return { numbers, run };
    return (inputs) => {
      numbers.set(inputs);
      run();
      return numbers[result];
    };
  }

  return machine(program);
}
