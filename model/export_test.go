package model

// Build is build, for tests that import packages above this one.
var Build = build
