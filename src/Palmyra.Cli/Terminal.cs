using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace Palmyra.Cli;

/// <summary>Where output goes: results to stdout, as text or JSON; notes and progress to stderr, and only if a person is looking at it.</summary>
internal static class Terminal
{
    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // What is over sooner needs no bar; setting one up takes as long as loading a small model.
    private const int PatienceMilliseconds = 400;

    private const int RefreshMilliseconds = 100;

    /// <summary>Whether stderr is a terminal.</summary>
    public static bool IsWatched => !Console.IsErrorRedirected;

    /// <summary>Writes one JSON value on a line of its own.</summary>
    public static void Json(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, JsonOptions))
        {
            write(writer);
        }

        bytes.WriteByte((byte)'\n');
        Console.Out.Flush();
        using Stream output = Console.OpenStandardOutput();
        output.Write(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    /// <summary>Tells a watching person something that is not a result.</summary>
    public static void Note(string text)
    {
        if (IsWatched)
        {
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Runs work, with a progress bar on stderr if a person is watching and it takes longer than a moment.</summary>
    /// <param name="title">What is being done.</param>
    /// <param name="work">Given what it should report the share done to, 0 to 1; null if nobody watches.</param>
    public static T WithProgress<T>(string title, Func<IProgress<double>?, T> work)
    {
        if (!IsWatched)
        {
            return work(null);
        }

        var share = new Latest<double>(0);
        return Watch(() => work(share), () => (share.Value, title), new RemainingTimeColumn());
    }

    /// <summary>Runs work whose title changes as it goes on and says itself how long it will take, with a progress bar as the other overload has it.</summary>
    /// <param name="title">What is being done, before the first report.</param>
    /// <param name="describe">The share done, 0 to 1, and the title of a report.</param>
    /// <param name="work">Given what it should report to; null if nobody watches.</param>
    public static T WithProgress<T, TStep>(string title, Func<TStep, (double Share, string Title)> describe, Func<IProgress<TStep>?, T> work)
        where TStep : class
    {
        if (!IsWatched)
        {
            return work(null);
        }

        var step = new Latest<TStep?>(null);
        return Watch(() => work(step!), () => step.Value is TStep latest ? describe(latest) : (0, title));
    }

    private static T Watch<T>(Func<T> work, Func<(double Share, string Title)> look, params ReadOnlySpan<ProgressColumn> more)
    {
        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), .. more];
        Task<T> running = Task.Factory.StartNew(
            work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (Task.WaitAny([running], PatienceMilliseconds) < 0)
        {
            IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
            console.Progress().AutoClear(true).Columns(columns).Start(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(look().Title), maxValue: 1);
                do
                {
                    (task.Value, string title) = look();
                    task.Description = Markup.Escape(title);
                }
                while (Task.WaitAny([running], RefreshMilliseconds) < 0);
            });
        }

        return running.GetAwaiter().GetResult();
    }

    // The work reports faster than a bar is drawn: what was told last is all that is shown.
    private sealed class Latest<T>(T first) : IProgress<T>
    {
        private readonly Lock _lock = new();
        private T _value = first;

        public T Value
        {
            get
            {
                lock (_lock)
                {
                    return _value;
                }
            }
        }

        public void Report(T value)
        {
            lock (_lock)
            {
                _value = value;
            }
        }
    }
}
