"""The constants that govern a discovery, each with its unit, why it is so, and how it was chosen.

"Odd half" stands for: chosen while looking at the odd-numbered systems of ODEBench (d'Ascoli et al.
2024). How the exact terms of simulated recordings change when a constant is halved and when it is
doubled stands in `results/constants`, written by `experiments/constants.py`. A constant is read
where it is used, as `constants.NAME`, so that this script can change it.

The prices of terms stand in the table of operations (`nsindy.terms.operations`), those of a fit
that steps by itself in `nsindy.trajectories.gauss_newton`, and the grid of the slow error in
`nsindy.evidence.residuals`.
"""

from nsindy.terms import operations

# Recordings made ready: `thinning`, `signals`.

MOST_SAMPLES = 4000
"""Samples of a recording that equations are solved for; a longer one is averaged in blocks. So that
a fit takes at most some seconds."""

HELD_OUT = 0.2
"""Share of each recording, its end, that is held out and forecast. The customary fifth."""

SCALED_SPAN = 10.0
"""Length of the first recording in scaled time. Any value near the number of times that a state
changes keeps coefficients of order one."""

# Splines: `splines`, `smoothing`, `smooth_signals`.

SPLINE_ORDER = 4
"""The derivative that the spline keeps small; its pieces have degree 2 · 4 - 1 = 7. Two more than
the second derivative that positions alone need."""

MOST_KNOTS = 2000
"""Knots of a spline; a longer recording has several samples to a knot. So that it takes less than a
second."""

KNOTS_PER_FREEDOM = 6
"""Knots for each effective degree of freedom that are enough: more change nothing that is seen."""

PROPORTIONAL_FLOOR = 0.02
"""Proportional noise is at least this share of that at the root mean square of the state, so that a
sample near zero does not weigh infinitely."""

SLOPE_SPAN = (-0.5, 0.0, 0.5)
"""Offsets of log λ at which the determinant is taken, whose slope is the effective freedom. Wide
enough that the rounding of the determinant does not show."""

PENALTY_ROUNDING = 1e-3
"""Share of the data's weight that the rounding of the penalty may reach before λ is too large for
double precision."""

BRIDGED = 8.0
"""Gap between two measurements of a state, in its usual steps, that a spline bridges well enough
for regressions. With two cells of five missing at random one gap in a thousand is longer."""

STEP_ROWS = 8
"""Measurements between two steps of a held input that show a curve of their own: as many as the
degree of a spline and one. Where steps are closer, its derivatives are not let jump."""

CUT_ROWS = 3
"""Rows that a solution which begins anew at a step of an input has at least: one tells nothing."""

RESOLVED = 0.9
"""Effective freedom, as a share of the samples, above which a spline has not told noise from
signal. Odd half."""

NOISE_KIND = 2.0
"""Nats by which one kind of noise, constant or proportional, must be likelier than the other: the
kind is itself a choice. BIC of one number for some fifty samples."""

SMOOTHED_AWAY = 3.0
"""Times the constant noise that a spline for proportional noise may leave: more are spikes that it
took for noise. Simulated recordings with spikes."""

# The library: `dictionary`.

SEARCHED_OPERATIONS = operations.searched(alone=False)
"""Unary operations that a recording is searched with, where its values allow."""

FRICTION_OPERATIONS = operations.searched(alone=True)
"""Those of forces that brake, and of outflows, which stand alone: offered beside all others."""

WAVE_NOISE = 0.5
"""Noise of x, in radians, beyond which sin(x) is no term: of 0.5 the mean of sin(x) over the noise
keeps 88 %, of 1 it keeps 61 %, and of a reading that comes in steps of 2 nothing is sure."""

BOTH_SIDES = 0.05
"""Share of the largest size of a variable that both its signs must reach before |x|, sign(x) and
|x| x are more than x, 1 and x²."""

MOST_COLUMNS = 1000
"""Terms of all equations together that a trajectory is linearised in: five states have products of
three and waves, seven products of three. So that it takes seconds and less than a GiB. Of a library
with more, regressions choose the columns of each equation."""

WIDEST = 1000
"""Most terms of a library that regressions choose columns from: sixteen states have products of
three, forty-three products of two. So that a product of all terms with each other takes seconds."""

WIDE_COLUMNS = 400
"""Columns of all equations together that regressions choose, evenly among the equations, though
`FEWEST_COLUMNS` at least of each."""

FEWEST_COLUMNS = 12
"""Twice the terms of an equation, so that each has one beside it that might stand for it."""

SCREEN_WIDTH = 16
"""Partial supports of an equation that the regression which chooses columns goes on with."""

WIDE_FITS = 2
"""Supports of many states that are fitted in each round; each takes seconds."""

EXPLAINED = 0.5
"""Share of what a state of a wide table does in each fifth that equations from the other four must
explain for it to have one. A true equation explains nearly all of it, and one of chance next to
none of it or less, so half tells them apart."""

EXPLAINED_HERE = 0.95
"""The same in the recordings that the equation was chosen from, where chance explains more."""

WINDOW = 20
"""Samples of the narrower of the two windows over which that is asked: a state that is sampled well
turns no quicker."""

WANDERS = 5.0
"""Nats by which a random walk must be likelier than a smooth path for noise to drive a column: of
twenty white series of 400 rows none reaches 1, and all of twenty random walks more than this, as a
test holds."""

WANDER_ROWS = 30
"""Rows of a recording from which that is asked."""

WANDER_STAYS = 0.2
"""Share of rows that repeat the one before, from which a reading is rounded, or set by hand."""

WANDER_TERMS = 4
"""Terms that together may foretell them: U - R I - k w of a motor, none of them alone."""

WANDER_LEARNS = 5
"""First rows that are not judged."""

OUTSIDE = 0.98
"""Share of what a state does that equations explain where they were chosen, from which it is no
input: those of true equations that the library lacks explain more."""

OUTSIDE_APART = 0.25
"""Share of the variance of its derivative that near passages do not share, from which it is one. Of
true states noise leaves up to a fifth."""

REPEAT_ROWS = 20
"""Rows that a column has for it to be told that it repeats itself."""

REPEAT_LOOKED_AT = 1000
"""Most rows of it whose spectrum is looked at; more take seconds."""

REPEAT_SHARE = 0.95
"""Quantile of its differences from one period before that is judged: a saw jumps in few rows."""

REPEAT_LEFT = 1.5
"""That quantile in units of the same of what rows differ from the middle of their neighbours, below
which a column repeats itself: 1.1 where noise makes both."""

REPEAT_BOUNDS = (3e-3, 0.5)
"""The same as shares of its standard deviation: periods are fitted to some digits, where there is
no noise; and rain, which jumps in most of the rows in which it is not 0, repeats nothing."""

REPEAT_HELPS = 0.5
"""Ratio, its logarithm averaged over the other states, by which they must be missed by less once
what repeats itself is an input: a part of the system may be an undamped oscillation."""

SPOILS = 1.2
"""Ratio, its logarithm averaged over the other states, by which they may be missed by more once a
state is an input: it was none."""

LOST = 0.3
"""Share of its standard deviation by which a state is missed that no equation follows."""

SPOILED = 0.1
"""Share of its standard deviation by which a state is missed where others may have spoiled it."""

OUTSIDE_FAR = 20.0
"""Times its noise by which an equation of its own misses what acts from outside, where the states
beside it are noisy: a dose or a set point has little noise, or none. Of the systems of
`experiments/rational.py` with noise of 0.5 and 2 % (two seeds), all of which lack a number, only a
bubble is missed at all; its speed by 166 times, and that is a rate."""

NOISY = 3e-3
"""Noise of a state, as a share of its standard deviation, from which it is no error of smoothing:
of the same systems without noise that was up to 0.0017 of it, but for the spikes of the bubble."""

FUNCTION = 0.99
"""Share of the variance of a column of a wide table that a function of others must explain, to
within its noise, to be called one."""

FUNCTION_OF = 3
"""Most columns that a column is looked for as a function of: sums and balances of few."""

LIBRARY_LADDER = (
    (4, 1, ()),
    (4, 2, ()),
    (5, 3, ()),
    (5, 3, ("sin", "cos")),
    (5, 3, ("sin", "cos", *FRICTION_OPERATIONS)),
    (5, 3, SEARCHED_OPERATIONS),
    (5, 3, (*SEARCHED_OPERATIONS, *FRICTION_OPERATIONS)),
)
"""Measured values for each term that are enough to choose among a library's, with its degree and
operations, for ever longer recordings: few rows do not tell products of three from products of
two. `experiments/few_rows.py`."""

# What is searched: `problem`, `session`.

NOISE_FLOOR = 1e-5
"""Noise, as a share of the largest value of a state, below which no measurement is taken to be
exact: solvers that simulate recordings err by as much. Odd half."""

FINE_FLOOR = 1e-8
"""The same, where a recording without noise is searched again: solvers that are asked for it err by
less, and only then does what another model leaves tell it from the true one. Of 16 systems with a
number inside a term (`experiments/prior.py --systems 16 --noise 0 --classes numbers`) 8 were exact
without it and 11 with it when it was chosen, and 7 wrong ones called an equation where 1 was."""

FINE_LEFT = 1e-7
"""What equations leave at most, as a share of a state, that are exact at the fine floor; more has
to be left of a recording to be searched again, and its noise has to be less."""

FINE_NEAR = 1e-4
"""What equations leave at most for which a search at the fine floor is worth its time."""

SEGMENT_LENGTHS = (4, 8)
"""Intervals of a segment, where there are few rows and otherwise. Short segments forgive a bad
first guess, and fits end where longer ones do, since segments are made to join."""

SLOTS = 6
"""Terms of an equation that programs are compiled for, at least: the default of `max_terms`."""

LIBRARY_ROWS = 256
"""Terms of a library that programs are compiled for, at least: more than three states have."""

COLUMNS = 8
"""Programs are compiled for multiples of so many terms that a support is chosen among."""

GROWTH_NOISELESS = 4.0
"""Growth of an error in the state beyond which a recording without noise is fitted in stretches.
Nearly noiseless states carry the errors of what made them, new at every sample. Odd half."""

GROWTH = 100.0
"""The same with noise, and where a small forcing is followed: beyond it the linearisation says
nothing."""

GUIDES = 4
"""Proposals that are solved to find the one along which the growth of errors is measured."""

MISSED = 3.0
"""Times its noise by which a model misses the recording, so that the search starts from more
places. Odd half."""

INDEPENDENT = 0.5
"""Share of the residuals that are independent, below which they have structure in time: the most
that the slow error may take at the price of two numbers (`residuals.innovation`)."""

MOVING = 3.0
"""Standard deviation of a state over its noise, below which it is said to conserve nothing."""

MANY_TERMS = 5
"""Terms of an equation from which on it is no law where a slow error is left beside it."""

SLOW_FAR = 0.25
"""Share of the standard deviation of a state from which on a slow error does too much of it for the
equation beside it to be one."""

MISSED_WARNING = 2.0
"""Times its noise by which a state is missed before a warning says so."""

MISSED_TIMES = 100.0
"""Times its noise up to which the warning says how many: beyond there is no noise to speak of."""

SOLVER_ERROR = (0.1, 1 / 3)
"""Error of the solver that is not seen: shares of the noise, and of the noise floor."""

SUBSTEPS = (1, 2, 4, 8)
"""Steps of the solver between samples that are tried, each twice the one before."""

# Proposals: `proposals`.

WIDTH = 8
"""Supports that a search starts from, and that it tries around the best in each round. Twice as
many take twice the time."""

FEW_TERMS = 3
"""Most terms of an equation that stands beside an approximation as its best in few plain terms."""

FEW_PROPOSED = 4
"""Such supports that each regression proposes."""

PLAINER_R2 = 0.98
"""R² of one simulation of every state with which plainer equations are named beside others."""

LINEAR_LEFT = 3.0
"""How many times as much they may leave of a state."""

LINEAR_SHARE = 0.2
"""Share of an integrated derivative that they may leave in a regression, to be fitted at all."""

PLAIN = 2
"""Supports of products of variables alone that each regression proposes besides."""

COARSE = (0.01, 0.1)
"""Shares of the derivative that a regression takes for nothing: smoothing errs by as much at
spikes. Odd half."""

FINE = 1e-4
"""The same where all noise is smaller than this, as a share of the largest value."""

FEW_SAMPLES = 1500
"""With N samples the regressions propose (1500 / N)² supports, where that is more than usual: their
fits are cheap, and regressions on few samples are bad guides. `experiments/few_rows.py`."""

MOST_PROPOSALS = 512
"""Most supports that a regression proposes."""

JOINT_OPTIONS = {1: 64, 2: 32, 3: 16}
"""Supports of each equation that are combined with those of the others, by the number of equations;
so that some ten thousand combinations are ranked."""

JOINT_OPTIONS_MANY = 6
"""The same for more equations."""

# Held inputs: `readings`.

REPEATED = 0.5
"""Share of the rows that repeat the input of the row before, above which it is taken for held."""

READ_APART = 3
"""Inputs of which every combination of readings is tried; of more, one is changed at a time."""

LATE_EARNS = 10.0
"""Nats beyond the price of one number that a delay of the held inputs must earn, as a wave must."""

LATE_SHARES = (0.25, 0.5, 0.75)
"""Shares of a row's step that a delay is looked for at first."""

LATE_DIFFERENCE = (1e-5, 0.05)
"""Least and largest change of a delay by which the bend of its likelihood is taken."""

LATE_SEARCHES = 3
"""Most searches with a delay, each with that of the one before."""

LATE_SETTLED = 0.25
"""Change of a delay, in its standard errors, for which nothing is searched again."""

# Sensors that lag: `sensor_lag`.

SENSOR_FITS = 4
"""Most times that the times of sensors are fitted with a spline's slopes of the readings."""

SENSOR_DIFFERENCE = 0.1
"""Change of these times by which what they change is taken, as a share of the longest."""

SENSOR_SHARES = 8
"""Parts of a step between rows in which a sensor follows a straight line."""

SENSOR_SEARCHES = 6
"""Most searches with late sensors, each with the times of the one before."""

SENSOR_FOLLOWED = 12
"""Most times that the slopes of readings are taken from a solution that is fitted to them."""

# Proposals from the flow between samples: `signals`, `one_step`.

PREDICTED = 1.0
"""Error of the prediction by the nearest neighbour, in units of the noise that smoothing reports,
below which that is no noise: of white noise it were √2."""

PREDICTED_STATES = 6
"""Most states that a nearest neighbour predicts: of more, no sample has one that is near."""

TAKEN_FOR_NOISE = 0.1
"""Noise, as a share of a state's standard deviation, from which smoothing is checked so; and more
than a model of a coarse recording may leave."""

UNRELATED = (50, 0.9, 1.1)
"""When neighbouring samples are called unrelated: from how many rows; the noise of every state and
the error of the prediction, in units of its standard deviation. Of unrelated samples the last is
√2."""

FLOW_STARTS = 3
"""Regressions that the flow is linearised around, one after the other."""

FLOW_ROUNDS = 12
"""Most linearisations from one start; Lorenz at a tenth of a second needs five."""

FLOW_SETTLED = 0.01
"""Relative gain of the sum of squares below which nothing more is to be gained."""

FLOW_SHARES = (0.5, 0.25, 0.125)
"""Shares of a step that are tried where no whole one leads downhill."""

FLOW_EXPLAINED = 0.05
"""Share of the variance that may be left of the samples by the ones before."""

FLOW_INTERVALS = 1024
"""Most intervals of a recording whose flow is linearised."""

FLOW_TERMS = 16
"""Most terms of all equations together that the flow is searched for."""

# The search: `candidates`, `neighbours`, `search`.

LARGE = 3.0
"""Times the derivative, from which a term's contribution counts as large: terms that many times
cancel are unlikely before any data is seen. Odd half."""

NEIGHBOURS = 64
"""Supports around the best whose evidence is predicted."""

STRONG = 3.0
"""Nats from which evidence is strong (Kass and Raftery 1995, section 3.2); for less no term is
added."""

EXACT = 1e-8
"""Share of a regression's target that rounding hides."""

SHORT = 2
"""Terms of an equation up to which it is not chosen anew as a whole."""

ROUNDS = 12
"""Most rounds of a search, each of which fits `WIDTH` supports."""

# States that rise and fall together: `coupling`.

TOGETHER = 0.998
"""Share of a smoothed state that a monotone function of another explains, from which the two rise
and fall together: 1 but for the noise."""

# Models that are only nearly right: `discrepancy`.

DISCREPANCY_PRICE = 10.0
"""Nats by which a model beside a slow error of a state must win over models without one: that a
library does not hold the truth is unlikely before any data is seen."""

DISCREPANCY_POOL = 48
"""Supports that are judged beside a slow error: so many of the best and of the smallest."""

DISCREPANCY_STEPS = 4
"""Most steps of generalised least squares, each with the slow error of the one before."""

# Numbers that are fitted inside terms: `numbers_inside` and what it calls.

WAVE_NUMBERS = 256
"""Most numbers w that are tried for a variable: from a quarter of a wave across its range on."""

WAVE_SLOW = 64
"""Of these the first, up to sixteen waves, that are tried in place of other terms as well: at none
of them a wave need be as good as these are, and each is refined."""

NUMBER_RIDGE = 1e-8
"""Beside columns of length 1, what keeps nearly collinear ones apart in double precision."""

NUMBER_UNRESOLVED = 1e-3
"""Share of the states that a scan does not resolve."""

NUMBER_SAMPLES = 600
"""Samples of a recording that a scan looks at; of a longer one every second, third, …."""

NUMBER_GLANCE = 1000
"""Samples that the first recordings hold together in which a number is looked for that explains no
more but takes the place of terms. Other recordings would show it no better: terms are cheaper to
leave out of few samples than of many."""

NUMBER_DIFFERENCE = 1e-6
"""Change of a scaled state by which the Jacobian of the equations is taken, by central
differences: near the cube root of the rounding of doubles."""

NUMBER_SEARCHES = 3
"""Most searches with a number, each with that of the one before, after the first."""

NUMBER_PARABOLAS = 10
"""Most parabolas of the profile of the misfit by which the time of a step is found."""

NUMBER_REACH = 5.0
"""Steps of a parabola by which it moves at most."""

NUMBER_BEHIND = 0.1
"""Nats for each sample by which the support of a number may be behind what was found without one,
and still be searched around. Of 160 trials on `experiments/rational.py --seeds 1 --seed0 101` with
noise, the 78 that earned their price were behind by 0.08 at most, and 5 by more than 0.1."""

NUMBER_FAR = 1.0
"""The same before the number is fitted."""

NUMBER_NEEDS = 1.0
"""Nats for each sample that a term is worth beside a number that may move, from which the number is
not fitted anew without it. Of 38 trials on `experiments/rational.py --seeds 1 --seed0 300` with
noise, one lost a term, worth 0.01; that of most terms was 2 to 5."""

NUMBER_AWAY = 4.0
"""Times the number that was offered, or one over it, from which what is fitted is another term,
unless the number is as many times its error."""

NUMBERS = 3
"""Rounds in which numbers are fitted inside terms, and most numbers of several equations in one."""

PAIRED_STATES = 4
"""Most states of which every two are tried with a number of both: positions in a plane and their
velocities have six pairs."""

INVERSE_LEAST = 0.05
"""Least size of a variable, as a share of its largest, from which on negative powers of it are
tried: 1/x^4 then ranges over five decades, and equations with it can be solved."""

INVERSE_ROUNDS = 6
"""Rounds of a search after which negative powers must be likelier than what was found without."""

INVERSE_GLANCE = 30.0
"""Nats by which a regression may find negative powers worse that take the place of terms, where
nothing more is to be explained. Along orbits it was 10, and along chaotic flows there were none."""

NUMBER_REPLACES = 3
"""Terms of an equation from which on a number may take the place of some; where nothing is noise,
one more."""

NOISE_ERROR = 0.05
"""Error of the noise that smoothing finds, as a share of it: of 47 simulated answers with the true
terms 2 % at most (`experiments/prior.py`), of chaotic flows 4 %."""

TERM_COSTS = 100.0
"""Nats that a number can gain at most for each term that it spares, where these explain all but
noise: several times what a term and its coefficient cost."""

NUMBER_SHARED = 2.0
"""Ratio up to which one number may stand for two, each the best in an equation of its own."""

NUMBER_OFFERS = {1: 3, 2: 1}
"""Most offers of one number, and of two at once, that are searched with."""

NUMBER_REFINED = {1: 3, 2: 2}
"""Most kinds, of one number and of two, whose supports of each size are refined: far from where two
numbers are best, one kind promises what another keeps."""

NUMBER_SPARES = 10.0
"""Nats by which a term with a number that takes the place of two terms more may be behind in one
equation, and still be searched with: the other equations may have the same number, as those of an
orbit do, and chosen terms are the luckiest of thousands."""

NUMBER_VALUES = 80
"""Measured values from which on all kinds of numbers are tried, in a library without waves too.
With 250 one fewer of 32 is right on `experiments/prior.py --systems 16 --classes plain numbers
--noise 0.01 --every 5`, with this 11."""

NUMBER_ROWS = 300
"""Rows of a recording that a regression looks at for numbers; of a longer one some among them."""

NUMBER_WIDTH = 8
"""Partial supports with a number of each kind and variable that a regression goes on with."""

NUMBER_TERMS = 5
"""Most terms of an equation with a number that a regression proposes."""

POWER_MOVED = 2.0
"""Standard errors by which a Hill power that was made free must differ from 1, 2 or 4, for it to be
searched with: where it is one of these, nineteen of twenty recordings say so."""

POWER_SEEN = 0.03
"""Standard error of a power of a variable below which it may be held at a whole number of halves:
with larger ones so many powers are near one that this says little."""

NUMBER_ALIKE = 2.0
"""Ratio of two numbers of one kind up to which one of them is tried."""

NUMBER_SAME = 1.1
"""The same ratio to a number that was fitted, and may be that which two in one term stand for."""

NUMBER_NEAR = 0.6
"""Share of the best gain that others must promise to be searched with as well."""

NUMBER_EXACT = 0.1
"""Nats for each measurement by which a choice of fewer terms may be behind without noise, the error
of a model being a tenth more: a toggle of two genes had exp(k y) among twelve terms."""

NUMBER_CLOSE = 10.0
"""Nats within which two promises are as good: what is close to the best is searched with too."""

WAVE_EARNS = 10.0
"""Nats beyond its price that a wave must earn: the slow error of a camera is a wave too. The air
track gained up to 5.9 by one."""

NUMBER_EARNS = 5.0
"""Nats beyond its price that any other number must earn: what ties with it has none."""

# What may be missing: `diagnosis`.

NEAR_PASSAGE = 0.2
"""Distance, in standard deviations, up to which two passages count as through the same place."""

FEWEST_PASSAGES = 10
"""Pairs of near passages from which something is said of them."""

AMBIGUOUS = 0.3
"""Share of the variance of a derivative that near passages do not share, from which it is no
function of the states: noise alone leaves less where smoothing has worked."""

TURNS_COARSE = 0.45
"""Share of samples at which a state turns, from which it is too coarse: white noise turns at two
thirds of them, a swing of five samples at two fifths."""

PERIODIC = 0.6
"""Share of the power of what is left in one line, from which it is periodic."""

EACH_RECORDINGS = 12
"""Most recordings that are searched one by one where no law explains them together. Some seconds
for each."""

EACH_LEFT = 0.1
"""Share of its standard deviation that a law may leave of a state of each: R² of 0.99."""

# Forcing in time: `forcing`.

LINE = 1e-3
"""Probability of a line in the periodogram of noise, below which a forcing in time is looked for.
One recording in a thousand then looks in vain."""

WAVES_AT_ONCE = 64
"""Frequencies that are tried at once: memory of so many times the samples."""

LINE_SAMPLES = 2000
"""Samples of smoothed derivatives in which lines are looked for: seconds of work. Of more, every
second or third."""

WAVE_LEFT = 1e-10
"""Share of its square that the terms must leave of a wave, so that it explains anything."""

CLEAR_LINE = 0.9
"""Share of what all terms leave of a derivative that one line must explain to be searched with
before numbers inside terms. A Duffing oscillator in chaos gave 0.998 at 1 % of noise."""

CLEAR_WORTH = 20.0
"""Nats by which few terms with a line must be better than without, for the same, where all terms
together make up for it, and the states do not repeat themselves with it."""

REPEATS = 0.1
"""Share of the variance of the states that harmonics of a line leave where they repeat themselves
with it."""

STEP_TIMES = 100
"""Most times of a step that are tried, between the quantiles of 5 and 95 % of the times."""

STEP_BASES = 3
"""Shorter models beside which a step is looked for as well: one of each number of terms."""

BREAKS_EVERY = 5
"""Of those times, of how many one is tried first beside few terms of all equations."""

BREAK_COARSE = 0.003
"""Share of the derivative that is taken for nothing where such a time is looked for: it is only
where a search begins, and with 0.01 a lockdown was not seen in recordings without noise."""

# Maps: `maps`.

MAP_BETTER = 0.1
"""Share that a map leaves of what a flow, or a straight line through two rows, leaves unexplained,
below which it is suggested; of the variance, it must leave less than the square of this."""

MAP_LENGTH = 2
"""Intervals of a segment of a map: a row may be far from the one before, and errors grow fast."""

MAP_GROWTH = 10.0
"""Growth of an error in the state beyond which a map is fitted in stretches: of the logistic map
with 1 % of noise those up to 100 are fitted, but of segments of four rows only those up to 10."""

MAP_ROWS = 3
"""Rows of a stretch, on average, that an iterated map must have: of fewer the initial states
explain most."""

MAP_EXPLAINED = 0.5
"""Share of the variance of rows that those before explain, below which a map is incomplete."""

# Laws of a person's own: `law_start`, `law_fit`.

LAW_NUMBERS = 20
"""Most numbers of a law."""

LAW_POINTS = 2048
"""Points at which the numbers that a law is not linear in are tried; a second of work."""

LAW_DECADES = 1.5
"""Decades around the size of a variable, its inverse, or 1, within which such a number is tried."""

LAW_SAMPLES = 200
"""Samples of smoothed derivatives that the numbers of a law are tried on."""

LAW_STARTS = 4
"""Different places that the fit of a law starts from."""

LAW_FOLLOWED = 200
"""Most rows of recordings along which a law with a hidden state is followed before it is fitted;
more tell second derivatives, and would take seconds."""

LAW_FOLLOWING = 30
"""Most steps of that."""

LAW_FITS = 30
"""Most fits of a law, each with the noise that the one before has left: where a saturation is seen
near its bend alone, each goes a tenth of the way along a bent valley."""

LAW_SETTLED = 0.01
"""Nats for which a law is not fitted again."""

LAW_FLAT = 1e-6
"""Share of its columns of length 1 that a combination of numbers leaves, below which no recording
tells the numbers apart: the root of what rounding leaves of a difference of doubles is 1e-8."""

LAW_SHARE = 1e-3
"""Share in such a combination from which a number is of it."""

LAW_SIGN = 0.02
"""ε of tanh(v / ε) for sign(v) where the fit of a law begins, as a share of the largest |v|. Its
numbers may be far off there: with the ε of a search, a tenth of it, a filmed spring was left with a
friction that drives it."""

# A state that was not measured: `gauge`, `gauge_scan`, `linear_gauge`, `hidden`.

GAUGE_RANGE = (0.03, 10.0)
"""Sizes of a term beside a hidden state that are tried, as shares of the measured derivative: less
changes little, and more would nearly cancel."""

GAUGE_NUMBERS = 40
"""Coefficients of that term that are tried, of either sign together: a third apart, so that the
support of the right one is among the best of one of them."""

GAUGE_TERMS = 3
"""Most terms of the hidden state's equation in that scan; longer ones are those of no term beside,
in which every polynomial is one."""

GAUGE_WIDTH = 16
"""Supports of each number of terms to which a further one is added."""

GAUGE_RIDGE = 1e-12
"""What is added to products of columns of length 1, so that equal ones can be solved."""

GAUGES = 3
"""Coordinates of a hidden state, for each number of terms of its equation, that a search starts
from: the evidence of second derivatives is a bad guide among sizes."""

# What is told: `session`, `conclusion`, `wording`, `cautions`.

STAGES = {
    "smoothing": (0.0, 0.1),
    "telling the columns apart": (0.05, 0.1),
    "selecting on the first four fifths": (0.1, 0.6),
    "selecting from more places": (0.6, 0.75),
    "fitting a number inside a term": (0.6, 1.0),
    "selecting on all samples": (0.75, 1.0),
    "looking for a forcing in time": (0.9, 1.0),
    "testing laws": (1.0, 1.0),
}
"""Shares of the whole at which a stage begins and ends, as of a recording of a thousand rows."""

STANDS = 0.9
"""Inclusion probability below which a term of equations that leave some structure in time stands
for something else."""

SURE = 0.95
"""Inclusion probability below which a term is called doubtful."""

NEAR_DUPLICATE = 0.995
"""Cosine above which an unused term is mentioned as a near duplicate."""
