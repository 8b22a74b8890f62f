using Palmyra.Backends.Cpu;
using Palmyra.Diagnostics;

namespace Palmyra.Tests.Backends;

public sealed unsafe class WeightArenaTests
{
    [Fact]
    public void Pieces_are_aligned_follow_each_other_and_do_not_overlap()
    {
        using var arena = new WeightArena();
        using WeightArena.Piece first = arena.Allocate(100, "a test");
        using WeightArena.Piece second = arena.Allocate(64, "a test");
        using WeightArena.Piece third = arena.Allocate(1, "a test");
        Assert.Equal(0, (nint)first.Start % 64);
        Assert.Equal(128, second.Start - first.Start);
        Assert.Equal(64, third.Start - second.Start);
        Assert.Equal(100, first.Bytes);
    }

    [Fact]
    public void A_piece_lives_on_after_the_arena_and_its_neighbours()
    {
        var arena = new WeightArena();
        WeightArena.Piece first = arena.Allocate(1000, "a test");
        WeightArena.Piece second = arena.Allocate(1000, "a test");
        new Span<byte>(second.Start, 1000).Fill(7);
        arena.Dispose();
        first.Dispose();
        first.Dispose();
        Assert.True(new ReadOnlySpan<byte>(second.Start, 1000).IndexOfAnyExcept((byte)7) < 0);
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)second.Start);
    }

    [Fact]
    public void Large_pieces_have_memory_of_their_own_and_a_full_block_is_followed_by_another()
    {
        using var arena = new WeightArena();
        using WeightArena.Piece small = arena.Allocate(64, "a test");
        using WeightArena.Piece large = arena.Allocate(40L << 20, "a test");
        using WeightArena.Piece next = arena.Allocate(64, "a test");
        Assert.Equal(64, next.Start - small.Start);
        var pieces = new List<WeightArena.Piece>();
        for (int i = 0; i < 5; i++)
        {
            pieces.Add(arena.Allocate(20L << 20, "a test"));
            pieces[^1].Start[(20 << 20) - 1] = 1;
        }

        pieces.ForEach(piece => piece.Dispose());
    }

    [Fact]
    public void Memory_that_is_not_there_is_refused()
    {
        using var arena = new WeightArena();
        var error = Assert.Throws<BackendException>(() => arena.Allocate(long.MaxValue / 4, "weight 'w'"));
        Assert.Contains("weight 'w'", error.Message, StringComparison.Ordinal);
        using WeightArena.Piece piece = arena.Allocate(64, "a test");
        piece.Start[63] = 1;
    }
}
