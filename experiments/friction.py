"""A friction force known from 40 noisy samples only, learned, and found in a recording.

A mass on a spring is braked by dry friction, which rises to a peak at low speed and falls to a
plateau (Stribeck). No operation of the library is such a curve. It is learned from samples as a
tribometer gives them; then the positions of the oscillating mass are searched for their equation,
with the learned curve among the operations and, for comparison, without it. Where the recording
knows the force better than the samples do, terms that correct the curve appear (`--noise 0.001`).
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp
from support import command_line, experiment, written

import nsindy
from nsindy.paper import figures
from nsindy.runtime import files

DOMAIN = (-3.0, 3.0)
STIFFNESS = 4.0


def friction(speed):
    """Force per mass at a speed, both in units of the recording."""
    return np.tanh(speed / 0.25) * (0.25 + 0.35 * np.exp(-((speed / 0.8) ** 2)))


def main() -> None:
    """Parse, learn, simulate, discover, compare."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--samples", type=int, default=40, help="of the friction curve (default 40)")
    add("--force-noise", type=float, default=0.02, help="of the samples (default 0.02)")
    add("--noise", type=float, default=1e-2, help="of the positions (default 0.01)")
    add("--seed", type=int, default=0, help="of both noises (default 0)")
    add("--out", default="out/friction", help="folder of summary.json and figure.png")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Learn the curve, and find the equation with and without it."""
    out = files.check_folder(options.out)
    experiment.start()
    rng = np.random.default_rng(options.seed)
    speeds = np.linspace(*DOMAIN, options.samples)
    forces = friction(speeds) + options.force_noise * rng.normal(size=len(speeds))
    learned = nsindy.learn_operation("friction", (speeds, forces), DOMAIN)
    print(learned)

    t = np.arange(0.0, 10.0, 0.02)
    x = recorded(t) + options.noise * rng.normal(size=len(t))
    rows = {}
    known = ("sin", "cos", "tanh", "abs")
    for title, operations in (
        ("with the curve", (*known, learned.primitive)),
        ("without it", known),
    ):
        found = nsindy.discover(t, x[:, None], states=["x"], order=2, operations=operations)
        forecast = float(np.asarray(found.held_out.rmse)[0])
        score = float(np.asarray(found.score))
        print(f"\n{title}, forecast error {forecast:.2g}, log evidence {score:.1f}:")
        print(found)
        rows[title] = {
            "equations": found.equations(),
            "terms": list(found.terms),
            "coefficients": np.asarray(found.coefficients)[-1],
            "standard_errors": np.asarray(found.standard_errors)[-1],
            "forecast_rmse": forecast,
            "score": score,
        }
    title = f"{len(speeds)} noisy samples, learned, and found in a recording: "
    title += rows["with the curve"]["equations"][0]
    draw(out / "figure.png", title, speeds, forces, learned, t, x)
    made = {"command": written.command(), "versions": written.versions()}
    files.write_json(out / "summary.json", made | {"learned": learned.fidelity, "found": rows})
    print(f"\nwrote {out / 'summary.json'} and {out / 'figure.png'}")


def recorded(t: np.ndarray) -> np.ndarray:
    """Positions [N] of x'' = -k x - friction(x') from rest at 1.4."""

    def field(_, state):
        return state[1], -STIFFNESS * state[0] - friction(state[1])

    return solve_ivp(field, t[[0, -1]], (1.4, 0.0), t_eval=t, rtol=1e-9, atol=1e-9).y[0]


def draw(path, title, speeds, forces, learned, t, x) -> None:
    """The samples with the learned and the true curve, and the recording."""
    figure = Figure(figsize=(10, 3.6), layout="tight")
    curve, recording = figure.subplots(1, 2)
    grid = np.linspace(*DOMAIN, 500)
    curve.plot(speeds, forces, "o", color="0.5", markersize=4, label=f"{len(speeds)} samples")
    curve.plot(grid, np.asarray(learned.primitive.function(grid)), "C1", label="learned")
    curve.plot(grid, friction(grid), "k:", label="true")
    curve.set(xlabel="speed", ylabel="friction force per mass")
    curve.legend(fontsize=8)
    recording.plot(t, x, "C0", linewidth=1)
    recording.set(xlabel="time", ylabel="position")
    figure.suptitle(title, fontsize=11)
    figures.save_figure(figure, path)


if __name__ == "__main__":
    main()
