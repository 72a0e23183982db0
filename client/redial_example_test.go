package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"covey/client"
)

// A program that runs longer than its node: while the node is away it does without the cache.
func ExampleRedialer() {
	r, err := client.NewRedialer(client.DefaultAddr)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	cached := func(key string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		c, err := r.Client(ctx)
		if err != nil {
			return nil, err
		}
		return c.Get(ctx, []byte(key))
	}
	switch value, err := cached("greeting"); {
	case err == nil:
		fmt.Printf("%s\n", value)
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("there is no greeting")
	default:
		fmt.Println("without the cache:", err)
	}
}
