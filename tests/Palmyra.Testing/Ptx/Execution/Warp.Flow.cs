using System.Numerics;
using System.Runtime.CompilerServices;

namespace Palmyra.Testing.Ptx.Execution;

// Which lanes execute what. Lanes that part at a branch go one way after the other and join again at the branch's immediate
// post-dominator, the first instruction that both ways must reach: the classic stack of (program counter, lanes, meeting point).
// Real hardware may join earlier, later or not at all and may let the two ways run alternately; programs must not depend on it, and the
// checks of the .aligned and .sync instructions find those that do.
internal sealed unsafe partial class Warp
{
    private readonly Stack<Path> _paths = new();
    private int _next;
    private int _current;
    private int _meeting;
    private uint _active;
    private uint _ended;

    /// <summary>The instruction being executed.</summary>
    public Instruction Current => _program.Code[_current];

    /// <summary>Its number.</summary>
    public int CurrentIndex => _current;

    /// <summary>The lanes that execute now.</summary>
    public uint Active => _active;

    /// <summary>The lanes that have ended.</summary>
    public uint Ended => _ended;

    /// <summary>Whether all lanes have ended.</summary>
    public bool Done => _ended == Present;

    /// <summary>The barrier all lanes wait at, or null.</summary>
    public BlockBarrier? Waiting { get; private set; }

    /// <summary>Executes until all lanes wait or have ended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run()
    {
        Instruction[] code = _program.Code;
        Counters counters = Launch.Counters;
        long budget = Launch.Budget;
        while (Waiting is null && _active != 0)
        {
            _current = _next++;
            Instruction instruction = code[_current];
            uint lanes = instruction.Guard is null ? _active : instruction.Guard.Of(this, _active);
            if (++counters.Instructions > budget)
            {
                int lane = BitOperations.TrailingZeroCount(_active);
                throw Fault(lane, $"the launch has executed {budget} instructions and has not ended: a loop without end?");
            }

            if (lanes != 0)
            {
                counters.ThreadInstructions += BitOperations.PopCount(lanes);
                instruction.Execute(this, lanes);
            }

            if (_next == _meeting)
            {
                Join();
            }
        }
    }

    /// <summary>Sends some of the active lanes to another instruction.</summary>
    public void Branch(uint lanes, int target, int meeting)
    {
        uint stay = _active & ~lanes;
        if (stay == 0)
        {
            _next = target;
            return;
        }

        Part(meeting);
        Send(new Path(target, lanes, meeting));
        Send(new Path(_next, stay, meeting));
        Join();
    }

    /// <summary>Sends each active lane to its own instruction.</summary>
    public void Branch(uint lanes, ReadOnlySpan<int> targets, int meeting)
    {
        Part(meeting);
        if (lanes != _active)
        {
            Send(new Path(_next, _active & ~lanes, meeting));
        }

        for (uint rest = lanes; rest != 0;)
        {
            int target = targets[BitOperations.TrailingZeroCount(rest)];
            uint together = 0;
            for (uint others = rest; others != 0; others &= others - 1)
            {
                int lane = BitOperations.TrailingZeroCount(others);
                together |= targets[lane] == target ? 1u << lane : 0;
            }

            Send(new Path(target, together, meeting));
            rest &= ~together;
        }

        Join();
    }

    /// <summary>Ends lanes.</summary>
    public void End(uint lanes)
    {
        _ended |= lanes;
        _active &= ~lanes;
        if (_active == 0)
        {
            Join();
        }
    }

    /// <summary>Stops at a barrier until <see cref="Release"/>.</summary>
    public void Wait(BlockBarrier barrier) => Waiting = barrier;

    /// <summary>Goes on after a barrier.</summary>
    public void Release() => Waiting = null;

    /// <summary>Refuses an instruction that all threads of the warp must execute together.</summary>
    /// <param name="lanes">Those that do.</param>
    /// <param name="full">Whether a warp with fewer than 32 threads is refused too.</param>
    public void RequireWhole(uint lanes, bool full)
    {
        uint expected = full ? All : Present;
        if (lanes != expected)
        {
            uint missing = expected & ~lanes;
            int lane = BitOperations.TrailingZeroCount(lanes);
            throw Fault(lane, (missing & _ended) != 0
                ? $"all lanes of the warp must execute this together, but lanes 0x{missing & _ended:x8} have ended"
                : $"all lanes of the warp must execute this together, but only lanes 0x{lanes:x8} do");
        }
    }

    private void Restart()
    {
        _paths.Clear();
        _next = 0;
        _meeting = -1;
        _active = Present;
        _ended = 0;
        Waiting = null;
    }

    // The lanes go on together at the meeting point, unless a path that waits there already counts them in.
    private void Part(int meeting)
    {
        if (meeting != _meeting)
        {
            _paths.Push(new Path(meeting, _active, _meeting));
        }
    }

    private void Send(Path path)
    {
        if (path.Next != path.Meeting)
        {
            _paths.Push(path);
        }
    }

    private void Join()
    {
        while (_paths.TryPop(out Path path))
        {
            _next = path.Next;
            _meeting = path.Meeting;
            _active = path.Lanes & ~_ended;
            if (_active != 0 && _next != _meeting)
            {
                return;
            }
        }

        // Nothing is left to join: all lanes have ended, or those that are active go on by themselves.
        _meeting = -1;
        _active = _ended == Present ? 0 : _active;
    }

    private readonly record struct Path(int Next, uint Lanes, int Meeting);
}
