package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"covey/client"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.DefaultAddr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Set(ctx, []byte("greeting"), []byte("hello"), client.SetOptions{TTL: time.Minute}); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, []byte("greeting"))
	switch {
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("there is no greeting")
	case errors.Is(err, client.ErrLoading):
		fmt.Println("the node has just been started; ask again in a moment")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Printf("%s\n", value)
	}
}
