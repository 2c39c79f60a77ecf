package growthgeniusotel_test

import (
	"fmt"
	"log"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusotel"
)

// The spans and metrics go to the global providers.
func ExampleNewObserver() {
	const key = "gg-key"
	client, err := growthgenius.NewClient(key, growthgenius.WithObserver(growthgeniusotel.NewObserver(growthgeniusotel.Config{})))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client)
	// Output:
	// growthgenius.Client(https://api.growthgenius.com/integrations/v1, user "")
}
