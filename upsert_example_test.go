package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func ExampleContactsService_Upsert() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()

	for _, title := range []string{"Trainee", "Trainee", "Engineer"} {
		result, err := client.Contacts.Upsert(ctx, growthgenius.ContactInput{
			Email: growthgenius.Set("tony@example.com"),
			Title: growthgenius.Set(title),
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Action, result.Contact.Title)
	}

	// Two contacts with one address, which another program may have created.
	srv.AddContacts(
		growthgenius.Contact{ID: "7", Email: "ada@example.com"},
		growthgenius.Contact{ID: "8", Email: "ada@example.com"},
	)
	_, err = client.Contacts.Upsert(ctx, growthgenius.ContactInput{
		Email: growthgenius.Set("ada@example.com"), Title: growthgenius.Set("Countess"),
	})
	fmt.Println(errors.Is(err, growthgenius.ErrMultipleMatches))
	// Output:
	// created Trainee
	// unchanged Trainee
	// updated Engineer
	// true
}
