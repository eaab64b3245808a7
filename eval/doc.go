// Package eval judges models on tasks.
//
// A task scores one reply at a time against its example ([ItemScore]); a
// [Metric] is a figure over such scores. The scores of every item are kept, so
// that two models' figures can be compared item by item ([Metric.Rows]) and the
// examples on which they differ can be shown. Scoring knows nothing of running a
// model: replies come in as text, likelihoods through a function.
//
// What a new task or metric takes, and where else it is entered, docs/architecture.md
// lists.
package eval
