using System.Collections.Concurrent;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>A clock on which waits up to a minute are over at once, and longer ones (timeouts) never unless asked for.</summary>
internal sealed class FastTime : TimeProvider
{
    /// <summary>The waits, in seconds, in their order.</summary>
    public ConcurrentQueue<double> Waits { get; } = [];

    /// <summary>Whether timeouts are over at once too.</summary>
    public bool TimesOut { get; init; }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        bool isWait = dueTime <= TimeSpan.FromMinutes(1);
        if (isWait)
        {
            Waits.Enqueue(dueTime.TotalSeconds);
        }

        return System.CreateTimer(callback, state, isWait || TimesOut ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
