namespace Palmyra.Cli;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>A file, a model or the machine did not allow it, or a check failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Cancelled by Ctrl-C: 128 + SIGINT, as shells have it.</summary>
    public const int Cancelled = 130;
}
