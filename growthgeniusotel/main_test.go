package growthgeniusotel_test

import (
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
