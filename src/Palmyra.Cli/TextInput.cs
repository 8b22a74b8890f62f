namespace Palmyra.Cli;

/// <summary>Where a command's text comes from: the command line, a file, or standard input.</summary>
internal static class TextInput
{
    /// <summary>The word that stands for standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>One text: the argument, the file's whole content, or standard input for "-" or if nothing is given and input is redirected.</summary>
    /// <param name="argument">The positional argument, if given.</param>
    /// <param name="file">--file, if given.</param>
    /// <param name="what">What is missing if there is none, for the message.</param>
    public static string One(string? argument, string? file, string what)
    {
        if (argument is not null && file is not null)
        {
            throw new UsageException($"Give {what} as an argument or by --file, not both.");
        }

        if (file is not null)
        {
            return File.ReadAllText(file);
        }

        if (argument == StandardInput || (argument is null && Console.IsInputRedirected))
        {
            return Console.In.ReadToEnd();
        }

        return argument ?? throw new UsageException($"Give {what}: as an argument, by --file, or on standard input.");
    }

    /// <summary>Several texts: the arguments, or the lines of the file or of standard input.</summary>
    /// <param name="arguments">The positional arguments.</param>
    /// <param name="file">--file, if given.</param>
    public static IReadOnlyList<string> Many(string[] arguments, string? file)
    {
        if (arguments.Length > 0 && file is not null)
        {
            throw new UsageException("Give texts as arguments or by --file, not both.");
        }

        if (arguments.Length > 0 && arguments is not [StandardInput])
        {
            return arguments;
        }

        if (file is null && arguments.Length == 0 && !Console.IsInputRedirected)
        {
            throw new UsageException("Give texts: as arguments, by --file with a text a line, or on standard input.");
        }

        string all = file is null ? Console.In.ReadToEnd() : File.ReadAllText(file);
        string[] lines = all.Split('\n').Select(line => line.TrimEnd('\r')).ToArray();
        string[] texts = lines[^1].Length == 0 ? lines[..^1] : lines;
        return texts.Length > 0 ? texts : throw new UsageException("There is no text in the input.");
    }
}
