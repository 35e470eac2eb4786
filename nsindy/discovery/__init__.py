"""A recording becomes equations.

Enters: `recording.check.Recordings`, one or several of the same system. Leaves: a
`result.discovery.Discovery`: equations, the error of every coefficient, the forecast of the last
fifth, the models that came close, and warnings in words. Nothing is drawn at random.

Read the modules and folders in this order, which is also the order in which a folder may import
another, from below:

  pipeline       the whole way, step by step
  opening        the search on the first part, under the likelier reading of the inputs
  models         numbers inside terms, negative powers, and a finer floor where they help
  forced_models  a forcing in time, where one is shown
  wandering      columns that noise drives, told apart before anything is searched
  wide_table     many columns: functions of others, and what has no equation
  generated      columns that a generator makes: a sine, a triangle or a saw of the time
  driving        states that something outside drives, which spoil the equations of the others
  positions      states whose equations are of second order, where none of first explains them
  coupling       states that rise and fall together, and equations without coupling
  hidden         a state that was not measured: how it enters, and the search for all equations
  each_recording one law with numbers of its own in each recording, where one for all misses
  concluding     the answer, and what maps and laws say of the same recordings
  said           all that a person says, read for the columns that the recordings have
  warm           the programs of usual recordings, compiled before the first one comes
  maps/          x[n+1] = f(x[n]) in place of a flow
  laws/          laws of a person's own, fitted and compared with what was found
  answer/        what was found becomes an answer in a person's words
  inputs/        what acts from outside: readings between the rows, a forcing in time
  numbers/       terms with numbers inside: which are tried, and which earn their price
  supports/      the search for the terms of each equation
  preparation/   a recording and a question become a problem that can be searched
  constants      every number that governs a discovery, with its unit, reason and source

The method:

1. *Scale.* Variables are divided by factors, never shifted, so that a monomial stays one monomial.
   sin(x) and its like are evaluated at the raw x.
2. *Smooth.* Each state is smoothed by a spline. Its smoothness, and whether the noise is constant
   or proportional to the state, are chosen by likelihood, the kind once more from the first model
   that follows the recording. The smoothed states only start what follows: coefficients and
   noise are estimated from the measurements themselves. States need no common times, and where
   samples are too coarse to be smoothed the spline goes through them.
3. *Build the dictionary*, as large as the number of measurements allows: products of up to three
   variables; then sin and cos; then exp, log, tanh, 1/x, |x| and x/(1 + x) where the values are in
   their domain. Each stands alone and times a state, sin, cos and √ of a state also times an input
   (a torque, a valve); products of two waves are included. sin(x) is no term where noise or
   rounding hides where in its period x is. Last, and alone, come sign(x), |x| x and √x: dry
   friction, drag and the outflow of a tank. Where the first choice has long equations, operations,
   or leaves more than the noise, 1/x to 1/x^4 of what is never near 0, the first three also times
   another variable and the first two times two, take the place of the operations but sin and cos,
   and stay where that is likelier, clearly so unless it takes fewer terms: v w/r of an orbit, V²/R
   of a bubble.
4. *Propose.* Two regressions, on smoothed derivatives and on integrals (the weak form), each
   propose supports by a beam search over closed-form evidence. Where samples are too coarse for
   either, the flow from each sample to the next does, linearised in all terms again and again.
5. *Fit.* The proposals are fitted to the measurements by multiple shooting: short segments,
   constrained to join, so that chaotic systems can be fitted as well.
6. *Search.* Around the best fit the trajectory is linearised in all terms (of a library of more
   than a thousand columns, in those that regressions leave each equation), where the evidence of
   every term dropped, added or swapped is a closed form. The best neighbours are fitted in turn,
   and long equations chosen anew as a whole, until none is better. Inputs are read as straight
   from row to row, or held until the next, or held and late, or, as the rain of the last hour, held
   since the row before, or switched between two rows, after which the solution begins anew,
   whichever is likelier.
   A column that wanders at random, as a likelihood tells, is an input from the beginning. Where the
   choice misses a recording, so is what no function of the columns gives and no equation explains
   in the fifth that it was not chosen from, a torque or the weather that nobody called an input,
   and what repeats itself from the first row on while others do not, the voltage of a generator.
7. *Fit numbers inside terms.* sin(w x), cos(w x), x/(K + x), 1/(1 + x/K), Hill terms of power 2 to
   4, exp(k x) and exp(k x) - 1, exp(-E/x), tanh(k x) and x^p, alone and most of them times a
   state, an input or both, exponentials also times two other states, are tried with a grid of
   numbers: in regressions of whole equations, of derivatives, of integrals and of what terms do to
   the solution, to first order. There so are those of two states: y/(K x + y), which their ratio
   decides, x y/(K + x y) and 1/(1 + x y/K), 1/(1 + (x² + y²)/K²) and (x² + y²)^p, and |x - y|^p
   with the sign of x - y, of which one may be an input, as the flow between two tanks or from the
   sea, and x^p - y^p, as the heat that a surface radiates and takes up; max(x - c, 0), what runs
   over; and terms of two numbers: x/(K + x + x²/L), x y/(1 + x/K + y/L) and 1/(1 + x/K + y/L), of
   which one variable may be an input too, none of them where what stands below the line may
   vanish; and 1/(1 + exp(±k (x - c))), a step at a threshold. Where several equations may hold one,
   that which promises most is put into the library, the others are asked again, and all are fitted
   at once: while one equation is wrong, what makes up for it hides what is right in the others.
   Else what promises most is fitted, number and all, and kept where it is clearly more likely; then
   the next. The power of a saturation that was found may then be free, x^n/(K^n + x^n), and its two
   numbers are fitted together. A power that is a whole number of halves as far as is seen is held
   there, and a force f(r) x that was found is tried in all directions.
8. *Look for a forcing in time.* Where what the best equations leave has a line in its spectrum, or
   is no noise, cos(w t) and sin(w t) of a fitted w, alone or times one or two states, as a season
   acts, a step at a fitted time, and the time itself, both alone or times states, as in a rate that
   changes at one moment or drifts, are tried, and taken where they are clearly more likely; a step
   also where numbers inside terms or many terms may stand in for it. A wave that explains nine
   tenths of what all terms leave of a smoothed derivative, or that few terms need, is tried before
   numbers inside terms: of chaos the best equations without the drive are no guide.
9. *Allow for a slow error.* What was fitted is judged again with a Gaussian process beside the
   noise, of a size and memory that are estimated, for 10 nats a state. Where that wins, the library
   does not hold the truth: supports are then compared by as many residuals as are independent of
   that process, and errors and probabilities count it.
10. *Conclude.* Terms of a probability below one half are left out; terms that are one term along
   the recording count together. The search is made once on the first four fifths, whose forecast of
   the rest is reported, and once on all samples. A verdict says whether an equation was found.
   Where several recordings have none in common, each is searched by itself, and one law with
   numbers of its own in each is told. Where a state spoils others that have an equation of their
   own, each alone beside measured columns, it becomes an input as well. Where no equation of first
   order was found and none was asked for, all is done again with second order: that is the answer
   where states go on in different ways from the same values and not from the same rates, as
   positions do, and one simulation and a forecast follow them, or few stretches where they are
   chaotic; else it is a hint. Where states show that before, it is done before numbers inside terms
   are looked for.

What a person knows is not searched: given coefficients (`know=`) are subtracted from derivatives
and integrals, stay as they are in every fit, and are not paid for; an equation whose terms are
listed (`free=`) is searched among those, and a support whose coefficient has the wrong sign
(`sign=`) is none: under its constraint it is one of fewer terms. A law to test (`law=`) is fitted
to the same measurements by the same multiple shooting, its numbers in the place of coefficients.
Coefficients that are tied across equations (`equal=`) are one parameter with one price; in a law
they are numbers of one name.

One state that was not measured (`hidden=1`, or its name) is a state without a sample, as a
velocity is with order 2: it has an equation, and its initial value is fitted. What it does to a
measured state y gives it a coordinate: y' = b h + ..., with b 1 or a measured state, and the
coefficient 1, so the scale of h is a choice; a known term (`know="I' = ... + 0.3 S I"`) sets it.
A number or a function of the measured states added to h makes equations of other terms for the
same recording; the coordinates whose equations are short are searched, and those in which all of
them are linear, with whatever acts on both states; the one of most evidence is reported. Its
errors and probabilities are those in that coordinate. Where trajectories are chaotic, where h
enters by another function than these, and where the measured states hardly depend on it, the search
may find another equation; a law with the hidden state in it (`law=`, one equation for each state)
is fitted with its initial value all the same, and says which of its numbers only scale that state.
Numbers inside terms, operations of h that are not asked for by name, and forcings are not looked
for beside a hidden state. `experiments/hidden.py` counts how often the search is right.

The score of a support is its log evidence in nats: the fit, half the logarithm of the number of
measurements for every coefficient (more where measurements are few), the logarithm of the number
of supports of that size, and a price for every term: 3 for being there, and beside it 2 for each
product or operation of one's own, 5 for each sin or cos, 7 for any further operation. Terms that
are many times as large as the derivative they add up to cost more. Of models less than 3 nats
apart the one with fewer, then cheaper terms is chosen. Where two states rise and fall together, as
two cups that cool in one room, terms of one stand for terms of the other: equations in which
neither acts on the other are taken unless they are clearly less likely.

Residuals may be autocorrelated: up to half of their variance may change slowly, as the errors of
cameras and solvers do, without making a false term significant; equations that leave more of them
slow are headed as an approximation. No recording is assumed to be more precise than a
hundred-thousandth of its largest value, and one that is nearly that precise is fitted in shorter
segments, because its errors are those of the solver that made it; where smoothing finds it a
hundred times as precise, and the equations do not follow it so, it is searched again as such.

For users of PySINDy:

  ``SINDy().fit(x, t=t)``                 ``nsindy.discover(t, x)``
  ``fit([x1, x2], t=[t1, t2])``, ``u=``   ``discover([t1, t2], [x1, x2])``, ``inputs=``
  states at times of their own            ``discover(*nsindy.merge((t_x, x), (t_v, v)))``
  ``optimizer=STLSQ(threshold=…)``        nothing: each equation finds its own sparsity
  ``differentiation_method=…``            nothing: splines, their smoothness by likelihood
  ``PolynomialLibrary(3)``,
  ``FourierLibrary(1)``                   the default; ``operations=[…]``
  ``ConstrainedSR3(…)``                  ``know=``, ``free=``, ``sign=``, ``equal=``
  ``CustomLibrary([f])``                  ``nsindy.learn_operation("f", f, domain)``
  a latent state                          ``hidden=1``
  ``discrete_time=True``                  ``map=True``
  ``WeakPDELibrary(…)`` in one variable   one of the two regressions that propose supports
  ``model.print()``, ``equations()``      ``print(d)``, ``d.equations()``
  ``model.coefficients()``                ``d.coefficients``, with ``d.standard_errors`` and
                                          ``d.inclusion_probabilities``
  ``predict(x)``, ``simulate(x0, t)``     ``d.vector_field(t, y)``, ``d.simulate(x0, t)``
  ``model.score(…)``                      ``d.held_out.r2``, of a forecast
"""
