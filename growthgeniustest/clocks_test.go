package growthgeniustest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestRecordSkew: records are stamped, and listed, by another clock than the Date header.
func TestRecordSkew(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithRecordSkew(-5*time.Hour))
	client := srv.Client()
	var info growthgenius.ResponseInfo
	made, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com")}, growthgenius.CaptureResponse(&info))
	if err != nil {
		t.Fatal(err)
	}
	date, err := http.ParseTime(info.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	if off := date.Sub(made.CreatedAt); (off - 5*time.Hour).Abs() > 5*time.Second {
		t.Errorf("created_at is %s behind", off)
	}
	for hour, want := range map[int]int{-1: 0, -6: 1} {
		from := time.Now().Add(time.Duration(hour) * time.Hour)
		list, err := client.Contacts.List(t.Context(), growthgenius.ListOptions{From: from, To: from.Add(2 * time.Hour)})
		if err != nil || len(list) != want {
			t.Errorf("%d contacts from %d hours ago on, want %d: %v", len(list), -hour, want, err)
		}
	}
}
