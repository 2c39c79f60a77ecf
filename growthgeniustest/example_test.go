package growthgeniustest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// Code under test gets a client of the server; what it stored is looked at afterwards.
func Example() {
	srv, err := growthgeniustest.Start() // in a test: growthgeniustest.NewServer(t)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	_, err = client.Contacts.Create(context.Background(), growthgenius.ContactInput{
		FirstName: growthgenius.Set("Steve"),
		LastName:  growthgenius.Set("Jobs"),
		Email:     growthgenius.Set("sjobs@apple.com"),
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, contact := range srv.Contacts() {
		fmt.Println(contact.FullName, contact.Email)
	}
	for _, request := range srv.Requests() {
		fmt.Println(request.Method, request.Route, request.Query, request.Status)
	}
	// Output:
	// Steve Jobs sjobs@apple.com
	// POST /contacts user_id=1 200
}

// A fault shows what the code under test does when the API misbehaves.
func ExampleServer_Inject() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()

	srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteCompany, Status: 404})
	_, err = client.Enrichment.Company(context.Background(), "tesla.com")
	fmt.Println("nobody found:", errors.Is(err, growthgenius.ErrNotFound))

	srv.ClearFaults()
	company, err := client.Enrichment.Company(context.Background(), "tesla.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(company.Name)
	// Output:
	// nobody found: true
	// Tesla
}

// The ledger tells what was really created, whatever the clients were told.
func ExampleServer_Ledger() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	// The contact is created, and nobody gets to know.
	srv.Inject(growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Hang, Commit: true})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = srv.Client().Contacts.Create(ctx, growthgenius.ContactInput{Email: growthgenius.Set("sjobs@apple.com")})
	fmt.Println("outcome unknown:", errors.Is(err, growthgenius.ErrOutcomeUnknown))

	for _, entry := range srv.Ledger() {
		fmt.Println(entry.Resource, entry.Content)
	}
	// Output:
	// outcome unknown: true
	// contact {"email":"sjobs@apple.com"}
}
