package growthgenius_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/growthgenius/growthgenius-go"
)

// TestCannedAnswer: people test with the reference's sample, which is years old, behind a
// server whose Date is of today. It is the answer all the same.
func TestCannedAnswer(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile("testdata/contact.json")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sample) }))
	defer srv.Close()
	client, err := growthgenius.NewClient("SECRET", growthgenius.WithBaseURL(srv.URL), growthgenius.WithUserID("1"),
		growthgenius.WithHTTPClient(srv.Client()), growthgenius.Censored)
	if err != nil {
		t.Fatal(err)
	}
	contact, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("sjobs@apple.com")})
	if err != nil || contact.ID != "1102755" {
		t.Fatalf("%+v, %v", contact, err)
	}
}
