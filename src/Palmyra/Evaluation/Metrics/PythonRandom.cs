using System.Numerics;

namespace Palmyra.Evaluation.Metrics;

/// <summary>Python's <c>random.Random</c>, so that a bootstrap, a shuffle or a draw of examples is the harness's own.</summary>
/// <remarks>
/// The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded as CPython seeds an int (init_by_array over its 32-bit digits), with
/// CPython's random() of 53 bits and its rejection from getrandbits.
/// </remarks>
internal sealed class PythonRandom
{
    private const int Words = 624;
    private const int Middle = 397;

    private readonly uint[] _state = new uint[Words];
    private int _next = Words;

    /// <summary>Seeds it as <c>random.Random(seed)</c>.</summary>
    /// <param name="seed">The seed; Python takes its absolute value.</param>
    public PythonRandom(int seed) => Seed((uint)Math.Abs((long)seed));

    /// <summary>The next 32 bits.</summary>
    public uint NextBits()
    {
        if (_next == Words)
        {
            Twist();
        }

        uint y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    /// <summary><c>random()</c>: 0 to below 1.</summary>
    public double NextDouble()
    {
        uint high = NextBits() >> 5;
        uint low = NextBits() >> 6;
        return ((high * 67108864.0) + low) / 9007199254740992.0;
    }

    /// <summary><c>randrange(n)</c>: 0 to n − 1.</summary>
    public int Below(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(n);
        int unused = BitOperations.LeadingZeroCount((uint)n);
        uint drawn;
        do
        {
            drawn = NextBits() >> unused;
        }
        while (drawn >= n);
        return (int)drawn;
    }

    /// <summary><c>shuffle(x)</c>.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int other = Below(i + 1);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }

    /// <summary><c>sample(range(population), count)</c>: different numbers below <paramref name="population"/>, in the order drawn.</summary>
    public int[] Sample(int population, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, population);

        // CPython chooses between two ways by the memory they take; the numbers drawn differ.
        int setSize = 21;
        if (count > 5)
        {
            setSize += (int)Math.Pow(4, Math.Ceiling(Math.Log(count * 3.0) / Math.Log(4)));
        }

        var drawn = new int[count];
        if (population <= setSize)
        {
            int[] pool = [.. Enumerable.Range(0, population)];
            for (int i = 0; i < count; i++)
            {
                int at = Below(population - i);
                drawn[i] = pool[at];
                pool[at] = pool[population - i - 1];
            }

            return drawn;
        }

        var taken = new HashSet<int>();
        for (int i = 0; i < count; i++)
        {
            int at;
            do
            {
                at = Below(population);
            }
            while (!taken.Add(at));
            drawn[i] = at;
        }

        return drawn;
    }

    private void Seed(uint key)
    {
        _state[0] = 19650218;
        for (uint i = 1; i < Words; i++)
        {
            _state[i] = (1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30))) + i;
        }

        // init_by_array with a key of one word: its index is always 0.
        int at = 1;
        for (int k = Words; k > 0; k--)
        {
            _state[at] = (_state[at] ^ ((_state[at - 1] ^ (_state[at - 1] >> 30)) * 1664525)) + key;
            at = Advance(at);
        }

        for (int k = Words - 1; k > 0; k--)
        {
            _state[at] = (_state[at] ^ ((_state[at - 1] ^ (_state[at - 1] >> 30)) * 1566083941)) - (uint)at;
            at = Advance(at);
        }

        _state[0] = 0x80000000;
        _next = Words;
    }

    private int Advance(int at)
    {
        if (at + 1 < Words)
        {
            return at + 1;
        }

        _state[0] = _state[Words - 1];
        return 1;
    }

    private void Twist()
    {
        for (int i = 0; i < Words; i++)
        {
            uint y = (_state[i] & 0x80000000) | (_state[(i + 1) % Words] & 0x7FFFFFFF);
            _state[i] = _state[(i + Middle) % Words] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908B0DF);
        }

        _next = 0;
    }
}
