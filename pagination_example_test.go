package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func ExampleContactsService_SearchAll() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	for _, name := range []string{"Ada", "Kurt", "Tony"} {
		srv.AddContacts(growthgenius.Contact{FirstName: name, Title: "Associate"})
	}

	search := growthgenius.SearchOptions{Keywords: "associate", PerPage: 2} // two pages
	for contact, err := range client.Contacts.SearchAll(context.Background(), search) {
		if errors.Is(err, growthgenius.ErrPartialResults) {
			log.Println(err) // there are more than a search gives
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contact.FirstName)
	}
	// Output:
	// Ada
	// Kurt
	// Tony
}

// A page has the whole envelope. Prefetch asks for several pages at once, for a loop that
// is faster than the API.
func ExampleContactsService_SearchPages() {
	srv, err := growthgeniustest.Start(growthgeniustest.WithPartialResultsLimit(4)) // the API's is 10000
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	for range 5 {
		srv.AddContacts(growthgenius.Contact{Title: "Associate"})
	}

	search := growthgenius.SearchOptions{Keywords: "associate", PerPage: 2, Prefetch: 4}
	for page, err := range client.Contacts.SearchPages(context.Background(), search) {
		if partial, ok := errors.AsType[*growthgenius.PartialResultsError](err); ok {
			fmt.Printf("stopped after %d of %d\n", partial.Delivered, partial.Total)
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("page %d: %d contacts\n", page.Pagination.Page, len(page.Contacts))
	}
	// Output:
	// page 1: 2 contacts
	// page 2: 2 contacts
	// stopped after 4 of 5
}
