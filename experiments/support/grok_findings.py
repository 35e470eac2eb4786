"""What the training of many circuits says: which of them grok, and what becomes of them."""

import numpy as np
from matplotlib.figure import Figure

from nsindy.circuits import training
from nsindy.paper import figures, metrics

DELAY = 5.0
"""A circuit groks where validation crosses the threshold this many times later than training."""


def judge(history, threshold, variant):
    """The evidence of one operation under one variant, over its seeds.

    Args:
      history: fields of `TrainingHistory` [C, S, R] for C variants, S seeds and R recorded epochs,
        and the variance of the target [S].
      threshold: the mean squared error that both losses have to cross.
      variant: which of the C.

    Returns:
      epochs and ratios of every seed, counts, and medians: those of the ratio, the rank and the
      units are over the seeds that memorised.
    """
    told = {f: leaf[variant] for f, leaf in history.items() if f != "variance"}
    epoch = told["epoch"][0]
    train = training.crossing(epoch, told["train_mse"], threshold)
    validation = training.crossing(epoch, told["validation_mse"], threshold)
    ratio = training.delay_ratio(train, validation)
    memorised, generalised = np.isfinite(train), np.isfinite(train) & np.isfinite(validation)
    grokked = generalised & (ratio >= DELAY)
    interval = metrics.rate_interval(int(grokked.sum()), len(grokked))
    # "Before" is the moment of memorisation: the training error has just crossed.
    before = (np.arange(len(train)), np.argmax(told["train_mse"] < threshold, axis=-1))
    ordered = np.sort(ratio[memorised])
    quartiles = [
        ordered[min(int(q * len(ordered)), len(ordered) - 1)] if len(ordered) else np.nan
        for q in (0.25, 0.5, 0.75)
    ]

    def median(values):
        return float(np.median(values[memorised])) if memorised.any() else float("nan")

    norm = told["weight_norm"]
    return {
        "train_epochs": train,
        "validation_epochs": validation,
        "ratios": ratio,
        "memorised": int(memorised.sum()),
        "generalised": int(generalised.sum()),
        "grokked": int(grokked.sum()),
        "grokked_share": float(grokked.mean()),
        "grokked_ci95": list(interval),
        "train_epoch_median": float(np.sort(train)[len(train) // 2]),
        "validation_epoch_median": float(np.sort(validation)[len(train) // 2]),
        "ratio_quartiles": quartiles,
        "weight_norm": {
            "start": float(np.median(norm[:, 0])),
            "peak": float(np.median(norm.max(-1))),
            "end": float(np.median(norm[:, -1])),
        },
        "effective_rank": {
            "memorised": median(told["effective_rank"][before]),
            "end": median(told["effective_rank"][:, -1]),
        },
        "active_units": {
            "memorised": median(told["active_units"][before]),
            "end": median(told["active_units"][:, -1]),
        },
        "relative_rmse_median": float(
            np.median(np.sqrt(told["validation_mse"][:, -1] / history["variance"]))
        ),
    }


def print_table(evidence, seeds):
    """A line for every operation and variant."""
    print(
        f"{'operation':10}{'variant':10}{'train':>8}{'valid.':>8}{'ratio (quartiles)':>22}"
        f"{'share >= 5 [95 %]':>24}{'norm start/peak/end':>22}{'rank':>11}{'units':>9}{'rmse':>9}"
    )
    for name, variants in evidence.items():
        for variant, row in variants.items():
            low, middle, high = row["ratio_quartiles"]
            share = f"{row['grokked']}/{seeds} [{row['grokked_ci95'][0]:.2f}, "
            share += f"{row['grokked_ci95'][1]:.2f}]"
            norm = "/".join(f"{value:.0f}" for value in row["weight_norm"].values())
            rank = "→".join(f"{value:.1f}" for value in row["effective_rank"].values())
            units = "→".join(f"{value:.0f}" for value in row["active_units"].values())
            print(
                f"{name:10}{variant:10}{row['train_epoch_median']:8.0f}"
                f"{row['validation_epoch_median']:8.0f}"
                f"{f'{middle:.1f} ({low:.1f}..{high:.1f})':>22}{share:>24}{norm:>22}"
                f"{rank:>11}{units:>9}{row['relative_rmse_median']:9.1e}"
            )


def plot(path, histories, evidence, options, variants):
    """Losses above, weight norms below, a column an operation; bands hold 80 % of the seeds.

    Args:
      path: the file to write.
      histories: of every operation, as `judge` takes them.
      evidence: what `judge` said of every operation and variant.
      options: the threshold, the recipe and the number of seeds.
      variants: names of the variants, the recipe first, then without decay.
    """
    figure = Figure(figsize=(12, 5.6), layout="tight")
    axes = figure.subplots(2, len(histories), sharex="col", sharey="row", squeeze=False)
    has_control = "no decay" in variants

    def band(axis, epoch, values, color, label, line="-"):
        low, middle, high = np.quantile(values, (0.1, 0.5, 0.9), axis=0)
        axis.fill_between(epoch, low, high, color=color, alpha=0.2, linewidth=0)
        axis.plot(epoch, middle, line, color=color, label=label, linewidth=1.5)

    for column, (name, told) in enumerate(histories.items()):
        epoch = np.maximum(told["epoch"][0, 0], 0.8)
        loss, norm = axes[:, column]
        if has_control:
            band(loss, epoch, told["validation_mse"][1], "0.45", "validation, no decay", "--")
            band(norm, epoch, told["weight_norm"][1], "0.45", "no decay", "--")
        band(loss, epoch, told["train_mse"][0], "C0", "train")
        band(loss, epoch, told["validation_mse"][0], "C1", "validation")
        band(norm, epoch, told["weight_norm"][0], "C2", "recipe")
        loss.axhline(options.threshold, color="black", linewidth=0.8, linestyle=":")
        loss.set(xscale="log", yscale="log")
        norm.set(yscale="log", xlabel="epoch")
        row = evidence[name]["recipe"]
        loss.set_title(f"{name}: {row['grokked']} of {options.seeds} seeds", fontsize=11)
    axes[0, 0].set_ylabel("mean squared error")
    axes[1, 0].set_ylabel("weight norm")
    axes[0, 0].set_ylim(bottom=1e-6)
    axes[0, 0].legend(fontsize=8, loc="lower left")
    axes[1, 0].legend(fontsize=8, loc="lower left")
    figure.suptitle(
        f'Recipe "{options.recipe}": seeds whose validation loss crosses {options.threshold:g} '
        f"at least {DELAY:g} times later than their training loss"
    )
    figures.save_figure(figure, path)
