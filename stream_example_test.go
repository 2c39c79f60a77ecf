package growthgenius_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// The loop gets each contact as it arrives. An error comes last: an answer that breaks off
// is never taken for a short one.
func ExampleContactsService_Stream() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	day := func(d int) time.Time { return time.Date(2021, time.January, d, 12, 0, 0, 0, time.UTC) }
	srv.AddContacts(
		growthgenius.Contact{FullName: "Tony Barkley", UpdatedAt: day(19)},
		growthgenius.Contact{FullName: "Ada Byron", UpdatedAt: day(25)},
		growthgenius.Contact{FullName: "Grace Hopper", UpdatedAt: day(26)},
	)

	for contact, err := range client.Contacts.Stream(context.Background(), growthgenius.ListOptions{From: day(24)}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contact.FullName, contact.UpdatedAt.UTC().Format(time.DateOnly))
	}
	// Output:
	// Ada Byron 2021-01-25
	// Grace Hopper 2021-01-26
}

// Leaving the loop ends the request: what has not arrived yet is not fetched.
func ExampleMessagesService_Stream() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	srv.AddMessages(
		growthgenius.Message{ContactID: "1102755", RenderedCopy: "Hi Tony"},
		growthgenius.Message{ContactID: "1102756", RenderedCopy: "Hi Ada"},
		growthgenius.Message{ContactID: "1102757", RenderedCopy: "Hi Grace"},
	)

	for message, err := range client.Messages.Stream(context.Background(), growthgenius.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.RenderedCopy)
		if message.ContactID == "1102756" {
			break
		}
	}
	// Output:
	// Hi Tony
	// Hi Ada
}
