using System.Text;

namespace Palmyra.Gpu.Tests.Ptx;

// Random nests of branches and loops, whose condition differs from lane to lane, give each lane what it would compute by itself.
public sealed class FlowFuzzTests
{
    private const int Variables = 4;

    [Fact]
    public void LanesComputeTogetherWhatEachComputesAlone()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            var writer = new Writer(seed);
            Action<uint[]> alone = writer.Sequence(depth: 4);
            string code = string.Concat(Enumerable.Range(0, Variables).Select(v => $"mul.lo.u32 r{v}, tid, {(v * 2) + 1};")) + writer.Code +
                "bar.warp.sync 0xFFFFFFFF; " + string.Concat(Enumerable.Range(0, Variables).Select(v => $"st.global.u32 [mine+{128 * v}], r{v};"));
            uint[] together = Snippet.Run(code, 32, 32 * Variables);
            for (uint lane = 0; lane < 32; lane++)
            {
                uint[] state = [.. Enumerable.Range(0, Variables).Select(v => lane * (uint)((v * 2) + 1))];
                alone(state);
                Assert.Equal(state, Enumerable.Range(0, Variables).Select(v => together[(32 * v) + (int)lane]));
            }
        }
    }

    // Writes PTX and, beside it, the same as a function of the variables.
    private sealed class Writer(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly StringBuilder _code = new();
        private int _labels;
        private int _loops;

        public string Code => _code.ToString();

        public Action<uint[]> Sequence(int depth)
        {
            var steps = new List<Action<uint[]>>();
            for (int i = _random.Next(1, 4); i > 0; i--)
            {
                steps.Add(depth == 0 || _random.Next(3) == 0 ? Assign() : _random.Next(2) == 0 ? Choose(depth - 1) : Loop(depth - 1));
            }

            return state => steps.ForEach(step => step(state));
        }

        private Action<uint[]> Assign()
        {
            int y = _random.Next(Variables);
            int a = _random.Next(Variables);
            uint b = (uint)_random.Next(100);
            _code.Append($"mad.lo.u32 r{y}, r{a}, 3, {b};\n");
            return state => state[y] = (state[a] * 3) + b;
        }

        // The else part stands before the then part, behind it, or is empty.
        private Action<uint[]> Choose(int depth)
        {
            Func<uint[], bool> condition = Condition();
            int label = _labels++;
            _code.Append($"@p0 bra THEN{label};\n");
            Action<uint[]> otherwise = _random.Next(2) == 0 ? _ => { } : Sequence(depth);
            _code.Append($"bra END{label};\nTHEN{label}:\n");
            Action<uint[]> then = Sequence(depth);
            _code.Append($"END{label}:\n");
            return state => (condition(state) ? then : otherwise)(state);
        }

        // At most five rounds, and a second way out in the middle.
        private Action<uint[]> Loop(int depth)
        {
            int label = _labels++;
            int counter = 8 + (_loops++ % 20);
            _code.Append($"mov.u32 r{counter}, 0;\nLOOP{label}: setp.ge.u32 p1, r{counter}, 5; @p1 bra DONE{label};\nadd.u32 r{counter}, r{counter}, 1;\n");
            Action<uint[]> first = Assign();
            Func<uint[], bool> leave = Condition();
            _code.Append($"@p0 bra DONE{label};\n");
            Action<uint[]> second = depth > 2 ? Assign() : Sequence(Math.Min(depth, 1));
            _code.Append($"bra LOOP{label};\nDONE{label}:\n");
            _loops--;
            return state =>
            {
                for (int i = 0; i < 5; i++)
                {
                    first(state);
                    if (leave(state))
                    {
                        break;
                    }

                    second(state);
                }
            };
        }

        private Func<uint[], bool> Condition()
        {
            int a = _random.Next(Variables);
            uint mask = 1u << _random.Next(5);
            _code.Append($"and.b32 r31, r{a}, {mask}; setp.ne.u32 p0, r31, 0;\n");
            return state => (state[a] & mask) != 0;
        }
    }
}
