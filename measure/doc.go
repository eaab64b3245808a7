// Package measure compares: figures of models with their uncertainty, paired
// differences between models on the same items, and divergences between their
// distributions. It knows numbers only, neither models nor tasks.
//
// An item is what was drawn independently: an example of a test set, a document.
// Standard errors and intervals say how a figure would vary over other items of
// the same kind; they say nothing about other seeds of a training.
package measure
