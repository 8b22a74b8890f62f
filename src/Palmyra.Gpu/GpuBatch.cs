using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

/// <summary>A batch on the device: ids, positions and places of its rows, and attention cut into blocks, in one buffer and one copy.</summary>
/// <remarks>
/// Sequences with a handful of new tokens attend row by row, in chunks of keys; longer ones in tiles of queries. The buffer keeps its
/// address while batches fit into it. A batch that nobody prepares again gives its memory back when it is collected: through a queue,
/// since device memory is for one thread.
/// </remarks>
/// <param name="source">The batch.</param>
/// <param name="queries">Queries of a tile.</param>
/// <param name="returned">Where the memory goes when this object is collected.</param>
internal sealed class GpuBatch(Batch source, int queries, ConcurrentQueue<DevicePiece> returned) : PreparedBatch(source)
{
    /// <summary>Tokens of a page where attention has no cache and pages are numbered through.</summary>
    public const int ScratchPageSize = 64;

    /// <summary>Rows of a batch whose launches may be recorded, at most.</summary>
    /// <remarks>
    /// In such a batch page lists and chunks have room for more than there are: their number is part of the launches' arguments, and
    /// would change with every page or chunk that one of the sequences begins. Chunks too many are nobody's.
    /// </remarks>
    public const int MostStepRows = 64;

    /// <summary>New tokens of a sequence that still attend row by row: a tile's other queries would be empty.</summary>
    public const int MostSingleRows = 4;

    private int[] _numbers = [];
    private DevicePiece? _memory;

    ~GpuBatch()
    {
        if (_memory is not null)
        {
            returned.Enqueue(_memory);
        }
    }

    /// <summary>Ints on the device.</summary>
    /// <param name="Address">Where.</param>
    /// <param name="Length">How many.</param>
    public readonly record struct Ints(nint Address, int Length);

    /// <summary>Of each row its token's id.</summary>
    public Ints Ids { get; private set; }

    /// <summary>Of each row its position.</summary>
    public Ints Positions { get; private set; }

    /// <summary>Of each row its token's number within the sequence.</summary>
    public Ints Tokens { get; private set; }

    /// <summary>Of each row where its page list starts in <see cref="Pages"/>.</summary>
    public Ints FirstPages { get; private set; }

    /// <summary>Of each row the first page of its sequence where there is no cache and pages are numbered through.</summary>
    public Ints FirstScratchPages { get; private set; }

    /// <summary>All page lists.</summary>
    public Ints Pages { get; private set; }

    /// <summary>First row and rows of each tile of queries.</summary>
    public Ints Tiles { get; private set; }

    /// <summary>
    /// <see cref="DecodeAttention.ChunkFields"/> for each chunk of <see cref="DecodeAttention.Chunk"/> keys: its row, its first key, the first of its
    /// row's chunks and their number, 0 for a chunk too many.
    /// </summary>
    public Ints Chunks { get; private set; }

    /// <summary>Whether a row has more than one chunk, or there are chunks too many.</summary>
    public bool IsSplit { get; private set; }

    /// <summary>Pages needed where there is no cache.</summary>
    public int ScratchPages { get; private set; }

    /// <summary>The largest position.</summary>
    public int LastPosition { get; private set; }

    /// <summary>Reads the batch anew and uploads it.</summary>
    public void Prepare(GpuRuntime runtime)
    {
        (int tiles, int chunks, int singles, int pages) = Count();
        int rows = Source.Rows;
        int total = (5 * rows) + pages + (2 * tiles) + (DecodeAttention.ChunkFields * chunks);
        if (_numbers.Length < total)
        {
            _numbers = new int[Math.Max(total, 2 * _numbers.Length)];
            _memory?.Dispose();
            _memory = null;
            _memory = runtime.Memory.Allocate((long)_numbers.Length * sizeof(int));
        }

        int used = 0;
        Span<int> ids = Cut(rows, ref used, out Ints device);
        Ids = device;
        Source.Tokens.CopyTo(ids);
        Span<int> positions = Cut(rows, ref used, out device);
        Positions = device;
        Source.Positions.CopyTo(positions);
        LastPosition = 0;
        foreach (int position in positions)
        {
            LastPosition = Math.Max(LastPosition, position);
        }

        Span<int> tokens = Cut(rows, ref used, out device);
        Tokens = device;
        Span<int> firstPages = Cut(rows, ref used, out device);
        FirstPages = device;
        Span<int> firstScratch = Cut(rows, ref used, out device);
        FirstScratchPages = device;
        Span<int> lists = Cut(pages, ref used, out device);
        Pages = device;
        Span<int> tile = Cut(2 * tiles, ref used, out device);
        Tiles = device;
        Span<int> chunk = Cut(DecodeAttention.ChunkFields * chunks, ref used, out device);
        Chunks = device;
        IsSplit = chunks > singles;

        ScratchPages = 0;
        int page = 0;
        int chunkCount = 0;
        foreach (ref readonly BatchSequence sequence in Source.Sequences)
        {
            ReadOnlySpan<int> given = Source.PagesOf(sequence);
            given.CopyTo(lists[page..]);
            for (int i = 0; i < sequence.Count; i++)
            {
                int row = sequence.FirstRow + i;
                tokens[row] = sequence.Past + i;
                firstPages[row] = page;
                firstScratch[row] = ScratchPages;
                if (sequence.Count <= MostSingleRows)
                {
                    int count = ChunksOf(sequence.Past + i);
                    for (int c = 0; c < count; c++)
                    {
                        (chunk[0], chunk[1], chunk[2], chunk[3]) = (row, c * DecodeAttention.Chunk, chunkCount, count);
                        chunk = chunk[DecodeAttention.ChunkFields..];
                    }

                    chunkCount += count;
                }
                else if (i % queries == 0)
                {
                    (tile[0], tile[1]) = (row, Math.Min(queries, sequence.Count - i));
                    tile = tile[2..];
                }
            }

            page += given.Length;
            ScratchPages += (sequence.Past + sequence.Count + ScratchPageSize - 1) / ScratchPageSize;
        }

        lists[page..].Clear();
        chunk.Clear();

        runtime.Driver.CopyIn(_memory!.Address, MemoryMarshal.AsBytes(_numbers.AsSpan(0, used)));
    }

    // To a multiple of what all of the batch's sequences need at once, roughly, so that the number stays for as long as one does for one.
    private static int RoundUp(int count, int least, int sequences)
    {
        int step = Math.Max(least, (int)BitOperations.RoundUpToPowerOf2((uint)sequences));
        return (count + step - 1) / step * step;
    }

    private static int ChunksOf(int token) => (token / DecodeAttention.Chunk) + 1;

    private (int Tiles, int Chunks, int Singles, int Pages) Count()
    {
        (int tiles, int chunks, int singles, int pages) = (0, 0, 0, 0);
        foreach (ref readonly BatchSequence sequence in Source.Sequences)
        {
            pages += sequence.PageCount;
            if (sequence.Count > MostSingleRows)
            {
                tiles += (sequence.Count + queries - 1) / queries;
                continue;
            }

            singles += sequence.Count;
            for (int i = 0; i < sequence.Count; i++)
            {
                chunks += ChunksOf(sequence.Past + i);
            }
        }

        if (Source.Rows is > 0 and <= MostStepRows)
        {
            // One chunk for every row takes another way through attention, without sums of chunks; it stays as it is.
            pages = RoundUp(pages, 16, Source.Sequences.Length);
            chunks = chunks == singles ? chunks : RoundUp(chunks, 8, singles);
        }

        return (tiles, chunks, singles, pages);
    }

    private Span<int> Cut(int length, ref int used, out Ints device)
    {
        device = new Ints(_memory!.Address + (used * sizeof(int)), length);
        Span<int> cut = _numbers.AsSpan(used, length);
        used += length;
        return cut;
    }
}
