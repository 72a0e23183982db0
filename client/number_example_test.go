package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"covey/client"
)

// At most a hundred calls a minute, counted on all machines together.
func ExampleClient_Increment() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.DefaultAddr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	minute := time.Now().Truncate(time.Minute)
	calls, err := c.Increment(ctx, fmt.Appendf(nil, "calls:alice:%d", minute.Unix()), 1, 2*time.Minute)
	switch {
	case err != nil:
		log.Fatal(err)
	case calls > 100:
		fmt.Println("try again at", minute.Add(time.Minute).Format("15:04"))
	default:
		fmt.Println("go ahead")
	}
}
