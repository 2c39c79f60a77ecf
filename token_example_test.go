package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// A journal keeps the token of each create from before its first byte is sent until its
// outcome is known. What is left in it when a program starts is what the program before
// it did not live to see.
func ExampleBeforeCreate() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	journal := map[string][]byte{} // a table in your database

	create := func(ctx context.Context, client *growthgenius.Client, key string, in growthgenius.ContactInput) error {
		contact, err := client.Contacts.Create(ctx, in, growthgenius.BeforeCreate(func(token growthgenius.CreateToken) error {
			data, err := json.Marshal(token)
			journal[key] = data // commit it: nothing is sent before this returns
			return err
		}))
		if errors.Is(err, growthgenius.ErrOutcomeUnknown) {
			return err // the token stays
		}
		delete(journal, key)
		if err != nil {
			return err // it did not happen
		}
		fmt.Println("created", contact.Email)
		return nil
	}

	settle := func(ctx context.Context, client *growthgenius.Client) error {
		for key, data := range journal {
			var token growthgenius.CreateToken
			if err := json.Unmarshal(data, &token); err != nil {
				return err
			}
			contact, err := client.Contacts.Resolve(ctx, token)
			switch {
			case errors.Is(err, growthgenius.ErrOutcomeUnknown):
				continue // ask again later
			case errors.Is(err, growthgenius.ErrNotFound):
				fmt.Println(key, "did not happen: create it again")
			case err != nil:
				return err
			default:
				fmt.Println(key, "did happen:", contact.Email)
			}
			delete(journal, key)
		}
		return nil
	}

	// The contact is created, and then the program dies before it hears of that.
	dying, die := context.WithCancel(ctx)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Hang, Commit: true})
	go func() {
		for len(srv.Ledger()) == 0 {
			time.Sleep(time.Millisecond)
		}
		die()
	}()
	err = create(dying, srv.Client(), "row 7", growthgenius.ContactInput{Email: growthgenius.Set("tony@example.com")})
	fmt.Println("unknown:", errors.Is(err, growthgenius.ErrOutcomeUnknown))

	// The next program starts.
	quick := growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 500 * time.Millisecond}) // a server in memory is never late
	if err := settle(ctx, srv.Client(quick)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(srv.Ledger()), "contact,", len(journal), "tokens left")
	// Output:
	// unknown: true
	// row 7 did happen: tony@example.com
	// 1 contact, 0 tokens left
}

func ExampleContactsService_Resolve() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()

	// The contact is created, the response is lost, and this client does not look for it.
	srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Effect: growthgeniustest.Reset, Commit: true, Times: 1})
	client := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
	_, err = client.Contacts.Create(ctx, growthgenius.ContactInput{Email: growthgenius.Set("tony@example.com")})
	unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
	if !ok {
		log.Fatal(err)
	}

	// Later, perhaps in another process that has read the token from a journal:
	later := srv.Client(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second}))
	contact, err := later.Contacts.Resolve(ctx, unknown.Token)
	switch {
	case errors.Is(err, growthgenius.ErrNotFound):
		fmt.Println("it was not created: create it again")
	case err != nil:
		fmt.Println("not known yet: resolve it again later")
	default:
		fmt.Println("created as", contact.ID)
	}
	// Output:
	// created as 1102755
}
