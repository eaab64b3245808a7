// Package eval judges models on tasks.
//
// A task scores one reply at a time against its example ([ItemScore]); a
// [Metric] is a figure over such scores. The scores of every item are kept, so
// that two models' figures can be compared item by item ([Metric.Rows]) and the
// examples on which they differ can be shown. Scoring knows nothing of running a
// model: replies come in as text, likelihoods through a function.
//
// To add a task, write one file that turns a reply into an ItemScore and lists
// the task's metrics, and enter it in [Tasks]; to add a metric, write one Metric and
// enter it in the metrics of a task.
package eval
