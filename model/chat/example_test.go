package chat_test

import (
	"fmt"

	"limbeck/model/chat"
)

// A model made for one task is prompted with the bare text.
func ExampleTemplate_Render() {
	t, err := chat.Parse("{{ messages[-1].content }}")
	if err != nil {
		fmt.Println(err)
		return
	}
	prompt, err := t.Render(chat.Input{Messages: []chat.Message{{Role: "user", Content: "wake me at six"}}})
	fmt.Printf("%q %v\n", prompt, err)
	// Output: "wake me at six" <nil>
}
