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

func ExampleClient_GetMany() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.DefaultAddr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	keys := [][]byte{[]byte("job:17"), []byte("job:18"), []byte("job:19")}
	err = c.GetMany(ctx, keys, func(i int, value []byte) {
		fmt.Printf("%s is %s\n", keys[i], value)
	})
	if err != nil {
		log.Fatal(err)
	}
}
