using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Palmyra.Backends.Cpu;

/// <summary>A batch with its attention cut into blocks of query rows, in memory a job can point at.</summary>
internal sealed unsafe class CpuBatch(Batch source) : PreparedBatch(source)
{
    // Pinned for its life, so that pointers into it hold as long as this object does.
    private byte[] _memory = [];

    /// <summary>One block of query rows of one sequence.</summary>
    internal struct QueryBlock
    {
        public int FirstRow;
        public int Rows;
        public int FirstToken;
        public int* Pages;
    }

    /// <summary>Where the tokens of a row lie: its token number within the sequence and the sequence's page list.</summary>
    internal struct RowPlace
    {
        public int Token;
        public int* Pages;
    }

    /// <summary>The blocks, <see cref="BlockCount"/> of them.</summary>
    public QueryBlock* Blocks { get; private set; }

    /// <summary>How many blocks.</summary>
    public int BlockCount { get; private set; }

    /// <summary>For each row its place.</summary>
    public RowPlace* Places { get; private set; }

    /// <summary>The longest sequence, this step's tokens included.</summary>
    public int LongestSequence { get; private set; }

    /// <summary>Query-key pairs of the whole batch, window aside: what attention costs.</summary>
    public long Pairs { get; private set; }

    /// <summary>Whether the sequences have pages of a cache; without, pages are numbered through for scratch memory.</summary>
    public bool HasPages { get; private set; }

    /// <summary>Pages of scratch that attention without a cache needs.</summary>
    public int ScratchPages { get; private set; }

    /// <summary>Reads the batch anew.</summary>
    public void Prepare(int scratchPageSize)
    {
        int blocks = 0;
        int pages = 0;
        ScratchPages = 0;
        HasPages = false;
        foreach (ref readonly BatchSequence sequence in Source.Sequences)
        {
            int scratch = (sequence.Past + sequence.Count + scratchPageSize - 1) / scratchPageSize;
            blocks += (sequence.Count + Kernels.Attending.BlockRows - 1) / Kernels.Attending.BlockRows;
            pages += sequence.PageCount > 0 ? sequence.PageCount : scratch;
            ScratchPages += scratch;
            HasPages |= sequence.PageCount > 0;
        }

        long bytes = ((long)blocks * sizeof(QueryBlock)) + ((long)Source.Rows * sizeof(RowPlace)) + ((long)pages * sizeof(int));
        if (_memory.Length < bytes)
        {
            _memory = GC.AllocateUninitializedArray<byte>(checked((int)Math.Max(bytes, 2L * _memory.Length)), pinned: true);
        }

        Blocks = (QueryBlock*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        Places = (RowPlace*)(Blocks + blocks);
        int* page = (int*)(Places + Source.Rows);
        BlockCount = 0;
        LongestSequence = 0;
        Pairs = 0;
        int scratchPage = 0;
        foreach (ref readonly BatchSequence sequence in Source.Sequences)
        {
            int length = sequence.Past + sequence.Count;
            LongestSequence = Math.Max(LongestSequence, length);
            int* list = page;
            ReadOnlySpan<int> given = Source.PagesOf(sequence);
            given.CopyTo(new Span<int>(page, given.Length));
            page += given.Length;
            for (int token = 0; token < length; token += scratchPageSize, scratchPage++)
            {
                if (given.IsEmpty)
                {
                    *page++ = scratchPage;
                }
            }

            for (int i = 0; i < sequence.Count; i++)
            {
                Places[sequence.FirstRow + i] = new RowPlace { Token = sequence.Past + i, Pages = list };
                Pairs += sequence.Past + i + 1;
            }

            for (int i = 0; i < sequence.Count; i += Kernels.Attending.BlockRows)
            {
                Blocks[BlockCount++] = new QueryBlock
                {
                    FirstRow = sequence.FirstRow + i,
                    Rows = Math.Min(Kernels.Attending.BlockRows, sequence.Count - i),
                    FirstToken = sequence.Past + i,
                    Pages = list,
                };
            }
        }
    }
}
