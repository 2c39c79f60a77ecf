package growthgenius_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// A copy of all contacts is kept up to date: each run stores what has changed since the
// checkpoint of the run before.
func ExampleContactsService_Changes() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	rows := map[growthgenius.ID]growthgenius.Contact{} // two tables in your database
	var checkpoint time.Time

	update := func(until time.Time) error { // until is for the example: leave it out
		feed := client.Contacts.Changes(growthgenius.ChangeOptions{Since: checkpoint, Until: until})
		for window, err := range feed.Windows(ctx) {
			if err != nil {
				return err // what is stored stays good
			}
			// In one transaction: both or neither.
			for _, contact := range window.Items {
				rows[contact.ID] = *contact
				fmt.Println("stored:", contact.FullName, contact.Title)
			}
			checkpoint = window.Checkpoint
		}
		fmt.Println(len(rows), "contacts as of", checkpoint.Format(time.DateOnly))
		return nil
	}

	january := time.Date(2021, 1, 19, 12, 0, 0, 0, time.UTC)
	tony := srv.AddContacts(
		growthgenius.Contact{FullName: "Tony Barkley", Title: "CTO", UpdatedAt: january},
		growthgenius.Contact{FullName: "Ada Byron", Title: "Analyst", UpdatedAt: january.Add(time.Hour)},
	)[0]
	if err := update(time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		log.Fatal(err)
	}

	tony.Title, tony.UpdatedAt = "CEO", time.Date(2021, 2, 7, 12, 0, 0, 0, time.UTC)
	srv.AddContacts(tony)
	if err := update(time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// stored: Tony Barkley CTO
	// stored: Ada Byron Analyst
	// 2 contacts as of 2021-02-01
	// stored: Tony Barkley CEO
	// 2 contacts as of 2021-03-01
}

// A long past is read day by day, so that each transaction is short. Windows without
// records have checkpoints too.
func ExampleChangeFeed_Windows() {
	srv, err := growthgeniustest.Start() // in memory; NewClient talks to the real API
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	day := time.Date(2021, 1, 19, 0, 0, 0, 0, time.UTC)
	srv.AddContacts(
		growthgenius.Contact{FullName: "Tony Barkley", UpdatedAt: day.Add(9 * time.Hour)},
		growthgenius.Contact{FullName: "Ada Byron", UpdatedAt: day.Add(51 * time.Hour)},
		growthgenius.Contact{FullName: "Okay Senior", UpdatedAt: day.Add(72 * time.Hour)}, // in two windows, delivered once
	)

	feed := srv.Client().Contacts.Changes(growthgenius.ChangeOptions{
		Since: day, Until: day.AddDate(0, 0, 4), Window: 24 * time.Hour,
	})
	for window, err := range feed.Windows(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("up to", window.Checkpoint.Format(time.DateOnly))
		for _, contact := range window.Items {
			fmt.Println("-", contact.FullName)
		}
	}
	// Output:
	// up to 2021-01-20
	// - Tony Barkley
	// up to 2021-01-21
	// up to 2021-01-22
	// - Ada Byron
	// - Okay Senior
	// up to 2021-01-23
}
