namespace Palmyra.Backends;

/// <summary>The tokens that are still allowed, largest logit first, lowest id first on ties; sorts only as far as it is asked.</summary>
/// <remarks>
/// Logit and id are packed into one integer whose ascending order is the wanted one, so that order is total and selection is a plain
/// quickselect (Hoare 1961) over numbers.
/// </remarks>
internal sealed class RankedTokens
{
    private const int SmallestPiece = 256;

    private ulong[] _keys = [];
    private int _sorted;

    /// <summary>How many tokens are allowed.</summary>
    public int Count { get; private set; }

    /// <summary>The id in a key.</summary>
    public static int Id(ulong key) => (int)(uint)key;

    /// <summary>The logit in a key.</summary>
    public static float Logit(ulong key)
    {
        uint ascending = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((ascending >> 31) != 0 ? ascending & 0x7FFFFFFF : ~ascending);
    }

    /// <summary>Takes the logits that are not −∞. NaN is not expected.</summary>
    /// <param name="logits">V numbers.</param>
    /// <param name="limit">How many of the first tokens will be asked for at most; others may be left out.</param>
    public void Load(ReadOnlySpan<float> logits, int limit = int.MaxValue)
    {
        if (_keys.Length < logits.Length)
        {
            _keys = new ulong[logits.Length];
        }

        Count = 0;
        _sorted = 0;
        float floor = float.NegativeInfinity;
        long full = Math.Max(SmallestPiece, 4L * limit);
        for (int id = 0; id < logits.Length; id++)
        {
            if (logits[id] > floor)
            {
                if (Count == full)
                {
                    // Later tokens must beat the last of the best so far: equal ones rank behind it.
                    Partition(0, Count - 1, limit - 1);
                    Count = limit;
                    floor = Logit(_keys[limit - 1]);
                    if (logits[id] <= floor)
                    {
                        continue;
                    }
                }

                // Adding zero turns −0 into +0: equal numbers, one key.
                uint bits = BitConverter.SingleToUInt32Bits(logits[id] + 0f);
                uint ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000;
                _keys[Count++] = ((ulong)~ascending << 32) | (uint)id;
            }
        }
    }

    /// <summary>The keys of the first <paramref name="count"/> tokens in order, fewer if there are fewer.</summary>
    public ReadOnlySpan<ulong> Top(int count)
    {
        count = Math.Min(count, Count);
        if (count > _sorted)
        {
            Partition(_sorted, Count - 1, count - 1);
            _keys.AsSpan(_sorted, count - _sorted).Sort();
            _sorted = count;
        }

        return _keys.AsSpan(0, count);
    }

    /// <summary>Leaves only the first <paramref name="count"/> tokens in the logits they were loaded from.</summary>
    public void Keep(int count, Span<float> logits)
    {
        logits.Fill(float.NegativeInfinity);
        foreach (ulong key in Top(count))
        {
            logits[Id(key)] = Logit(key);
        }
    }

    // Reorders so that nothing before `wanted` is greater than what follows it.
    private void Partition(int low, int high, int wanted)
    {
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            ulong pivot = MedianOfThree(_keys[low], _keys[middle], _keys[high]);
            (int i, int j) = (low, high);
            while (i <= j)
            {
                while (_keys[i] < pivot)
                {
                    i++;
                }

                while (_keys[j] > pivot)
                {
                    j--;
                }

                if (i <= j)
                {
                    (_keys[i], _keys[j]) = (_keys[j], _keys[i]);
                    i++;
                    j--;
                }
            }

            if (wanted <= j)
            {
                high = j;
            }
            else if (wanted >= i)
            {
                low = i;
            }
            else
            {
                return;
            }
        }
    }

    private static ulong MedianOfThree(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
