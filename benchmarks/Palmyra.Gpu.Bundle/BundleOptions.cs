namespace Palmyra.Gpu.Bundle;

/// <summary>What the runner was asked for.</summary>
internal sealed record BundleOptions
{
    /// <summary>What <c>--help</c> prints.</summary>
    public const string Usage =
        """
        Runs Palmyra's GPU kernels on this machine's first usable NVIDIA GPU, checks them, measures them, and prints one table.
        Exit code: 0 all agrees; 1 something disagrees or failed, or there is no GPU; 2 an option is not known.

          --cases         the table of operation cases against the reference backend
          --fixtures      the fixture models against the recorded outputs of transformers
          --kernels       what every kernel takes that the other parts started; alone it runs the cases too
          --speed         shares of the device's copy bandwidth, TFLOP/s, tokens a second
                          without any of these four: all of them
          --quick         fewer cases, fixtures and shapes
          --match TEXT    only cases, fixtures and speeds whose names contain TEXT
          --json FILE     also writes the rows to a file, after every part
          --models DIR    where the fixture models are (default: the folder models beside the program)
          --interpreter   no GPU: runs cases, fixtures and kernels, quick, on an interpreter of PTX; no time means anything then
        """;

    /// <summary>Whether to run the operation cases.</summary>
    public bool Cases { get; private init; }

    /// <summary>Whether to run the fixture models.</summary>
    public bool Fixtures { get; private init; }

    /// <summary>Whether to list the kernels.</summary>
    public bool Kernels { get; private init; }

    /// <summary>Whether to measure.</summary>
    public bool Speed { get; private init; }

    /// <summary>Whether to do less of everything.</summary>
    public bool Quick { get; private init; }

    /// <summary>Whether an interpreter of PTX takes the GPU's place.</summary>
    public bool Interpreter { get; private init; }

    /// <summary>Whether to print the usage and do nothing else.</summary>
    public bool Help { get; private init; }

    /// <summary>What names must contain; empty for all.</summary>
    public string Match { get; private init; } = "";

    /// <summary>Where to write the rows; null for nowhere.</summary>
    public string? Json { get; private init; }

    /// <summary>The folder of the fixture models; null for the one beside the program.</summary>
    public string? Models { get; private init; }

    /// <summary>Whether a name is wanted.</summary>
    public bool Wants(string name) => name.Contains(Match, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="problem">What is wrong with them, a sentence; null if nothing is.</param>
    public static BundleOptions Parse(IReadOnlyList<string> args, out string? problem)
    {
        problem = null;
        var options = new BundleOptions();
        for (int i = 0; i < args.Count; i++)
        {
            string name = args[i];
            string? value = null;
            if (name is "--json" or "--match" or "--models")
            {
                value = ++i < args.Count ? args[i] : null;
                if (string.IsNullOrEmpty(value) || value.StartsWith("--", StringComparison.Ordinal))
                {
                    problem = $"{name} was expected to be followed by a value.";
                    return options;
                }
            }

            options = name switch
            {
                "--cases" => options with { Cases = true },
                "--fixtures" => options with { Fixtures = true },
                "--kernels" => options with { Kernels = true },
                "--speed" => options with { Speed = true },
                "--quick" => options with { Quick = true },
                "--interpreter" => options with { Interpreter = true, Quick = true },
                "--match" => options with { Match = value! },
                "--json" => options with { Json = value },
                "--models" => options with { Models = value },
                "--help" or "-h" => options with { Help = true },
                _ => null!,
            };
            if (options is null)
            {
                problem = $"The option '{name}' is not known; --help lists them.";
                return new BundleOptions();
            }
        }

        if (!options.Cases && !options.Fixtures && !options.Kernels && !options.Speed)
        {
            return options with { Cases = true, Fixtures = true, Kernels = true, Speed = !options.Interpreter };
        }

        bool starts = options.Cases || options.Fixtures || options.Speed;
        return starts ? options : options with { Cases = true };
    }
}
