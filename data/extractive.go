package data

import "limbeck/model/guide"

// extractiveShare is the share of replies that must be extractive for data to be so:
// people make slips.
const extractiveShare = 0.99

// Extractive reports whether a model that learns from examples can be held to
// [guide.Extractive]: whether nearly all of their replies are so, and some have values. Of
// those that were made, nobody knows that they had to be.
func Extractive(examples []Example) bool {
	fit, values, all := 0, 0, 0
	for i := range examples {
		e := &examples[i]
		if Made(e) {
			continue
		}
		all++
		if r, ok := e.Gold(); ok && e.Extractive() {
			fit++
			values += len(r.Slots)
		}
	}
	return values > 0 && float64(fit) >= extractiveShare*float64(all)
}

// Extractive reports whether the example has a reply that [guide.Extractive] allows.
func (e *Example) Extractive() bool {
	reply, ok := e.Reply()
	return ok && guide.NewExtractive(e.Input()).Fits(reply)
}
