using Palmyra.Backends.Cpu;

namespace Palmyra.Tests.Backends;

public unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_is_done_once_in_each_of_many_regions(int threads)
    {
        using var pool = new WorkerPool(threads);
        const int Regions = 3000;
        int[] counts = new int[257];
        fixed (int* p = counts)
        {
            for (int region = 0; region < Regions; region++)
            {
                pool.Run(counts.Length, 1 + (region % 7), &Count, p);
            }
        }

        Assert.All(counts, count => Assert.Equal(Regions, count));

        static void Count(void* context, int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
            {
                ((int*)context)[i]++;
            }
        }
    }

    [Fact]
    public void Workers_wake_after_a_pause()
    {
        using var pool = new WorkerPool(3);
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(20);
            int sum = 0;
            pool.Run(100, 1, (start, end, _) =>
            {
                Thread.SpinWait(1000);
                Interlocked.Add(ref sum, start);
            });
            Assert.Equal(4950, sum);
        }
    }

    [Fact]
    public void Worker_numbers_belong_to_one_thread_at_a_time()
    {
        using var pool = new WorkerPool(4);
        var inside = new int[4];
        int collisions = 0;
        pool.Run(20000, 3, (_, _, worker) =>
        {
            if (Interlocked.Increment(ref inside[worker]) != 1)
            {
                Interlocked.Increment(ref collisions);
            }

            Interlocked.Decrement(ref inside[worker]);
        });
        Assert.Equal(0, collisions);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_exception_reaches_the_caller_and_the_pool_lives_on(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (int round = 0; round < 20; round++)
        {
            var error = Assert.Throws<InvalidOperationException>(() => pool.Run(1000, 1, (start, end, _) =>
            {
                if (end > 500)
                {
                    throw new InvalidOperationException("planned");
                }
            }));
            Assert.Equal("planned", error.Message);
            int done = 0;
            pool.Run(1000, 10, (start, end, _) => Interlocked.Add(ref done, end - start));
            Assert.Equal(1000, done);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Fewer_items_than_threads_are_each_done_once(int items)
    {
        // Some workers then have no items of their own.
        using var pool = new WorkerPool(4);
        for (int round = 0; round < 200; round++)
        {
            var done = new int[items];
            pool.Run(items, 1, (start, end, _) =>
            {
                for (int i = start; i < end; i++)
                {
                    Interlocked.Increment(ref done[i]);
                }
            });
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void Regions_allocate_nothing()
    {
        using var pool = new WorkerPool(2);
        int* value = stackalloc int[1];
        pool.Run(64, 1, &Nothing, value);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            pool.Run(64, 1, &Nothing, value);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Nothing(void* context, int start, int end, int worker)
        {
        }
    }

    [Fact]
    public void Disposal_ends_the_threads_and_further_work_is_refused()
    {
        var pool = new WorkerPool(4);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(10, 1, (_, _, _) => { }));
    }
}
