using System.Globalization;
using System.Text.RegularExpressions;

namespace Palmyra.Gpu.Compilation;

/// <summary>Small facts that PTX states about itself, for tests and for loading; no assembler.</summary>
public sealed partial class PtxText
{
    private PtxText(
        string entry, string target, IReadOnlyList<PtxParameter> parameters, int localBytes, int sharedBytes, bool dynamic, int named)
    {
        Entry = entry;
        Target = target;
        Parameters = parameters;
        LocalBytes = localBytes;
        SharedBytes = sharedBytes;
        UsesDynamicShared = dynamic;
        NamedRegisters = named;
    }

    /// <summary>The entry's name.</summary>
    public string Entry { get; }

    /// <summary>What it is for: "sm_80".</summary>
    public string Target { get; }

    /// <summary>The entry's parameters in order.</summary>
    public IReadOnlyList<PtxParameter> Parameters { get; }

    /// <summary>Bytes of all parameters packed.</summary>
    public int ParameterBytes => Parameters.Count == 0 ? 0 : Parameters[^1].Offset + Parameters[^1].Bytes;

    /// <summary>
    /// Bytes of local memory declared, 0 for a kernel whose numbers all have registers. What the driver's assembler spills besides,
    /// <see cref="Driver.GpuFunction.LocalBytes"/> says.
    /// </summary>
    public int LocalBytes { get; }

    /// <summary>Bytes of static shared memory declared.</summary>
    public int SharedBytes { get; }

    /// <summary>Whether the kernel addresses dynamic shared memory.</summary>
    public bool UsesDynamicShared { get; }

    /// <summary>Registers that inline PTX declares by names; the compiler's own, which begin with a percent sign, are not counted.</summary>
    public int NamedRegisters { get; }

    /// <summary>Reads the facts.</summary>
    /// <exception cref="FormatException">The text has no version, target or entry, or more than one entry.</exception>
    public static PtxText Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string code = Comments().Replace(text, string.Empty);
        MatchCollection entries = Entries().Matches(code);
        Match target = Targets().Match(code);
        if (entries.Count != 1 || !target.Success)
        {
            throw new FormatException(
                $"PTX was expected to have a .target and one .entry; found {(target.Success ? "a" : "no")} target and {entries.Count} entries.");
        }

        return new PtxText(
            entries[0].Groups["name"].Value,
            target.Groups["name"].Value,
            ParametersOf(entries[0].Groups["list"].Value),
            Arrays(code, "local"),
            Arrays(code, "shared"),
            Dynamic().IsMatch(code),
            NamedOf(code));
    }

    /// <summary>Whether a word can be a target.</summary>
    internal static bool IsTarget(string? word) => word is not null && TargetWord().IsMatch(word);

    /// <summary>The text for another target: ILGPU writes sm_80 at most, whatever it is asked for.</summary>
    internal static string WithTarget(string text, string target) => Targets().Replace(text, $".target {target}", 1);

    /// <summary>
    /// The text with dynamic shared memory aligned for asynchronous copies and ldmatrix, which move 16 bytes: ILGPU asks for what an element needs.
    /// </summary>
    internal static string WithAlignedShared(string text) => DynamicAlignment().Replace(text, "${before}16${after}", 1);

    /// <summary>
    /// The text without the promise that conditional branches take all lanes the same way. ILGPU makes it for loops whose bounds differ from lane
    /// to lane (threads that stride over an array), and an assembler that believes it may leave out where the lanes meet again.
    /// </summary>
    internal static string WithPlainBranches(string text) => UniformBranches().Replace(text, "${before}");

    private static List<PtxParameter> ParametersOf(string list)
    {
        var parameters = new List<PtxParameter>();
        int offset = 0;
        foreach (Match match in Declarations().Matches(list))
        {
            int unit = Number(match, "bits", 8) / 8;
            int bytes = unit * Number(match, "count", 1);
            int alignment = Math.Max(unit, Number(match, "align", 1));
            offset = (offset + alignment - 1) / alignment * alignment;
            parameters.Add(new PtxParameter(offset, bytes));
            offset += bytes;
        }

        return parameters;
    }

    private static int Arrays(string code, string space) => Declarations().Matches(code)
        .Where(match => match.Groups["space"].Value == space && match.Groups["name"].Success)
        .Sum(match => Number(match, "bits", 8) / 8 * Number(match, "count", 1));

    private static int NamedOf(string code) => RegisterLists().Matches(code)
        .SelectMany(match => match.Groups["list"].Value.Split(',', StringSplitOptions.TrimEntries))
        .Where(name => !name.StartsWith('%'))
        .Sum(name => name.IndexOf('<', StringComparison.Ordinal) is int at and >= 0
            ? int.Parse(name[(at + 1)..^1], CultureInfo.InvariantCulture)
            : 1);

    private static int Number(Match match, string group, int otherwise) =>
        match.Groups[group] is { Success: true } found ? int.Parse(found.Value, CultureInfo.InvariantCulture) : otherwise;

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"^sm_[0-9]{2,3}[af]?$")]
    private static partial Regex TargetWord();

    [GeneratedRegex(@"^[ \t]*\.target[ \t]+(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Targets();

    [GeneratedRegex(@"\.entry\s+(?<name>[\w$]+)\s*(\((?<list>[^)]*)\))?")]
    private static partial Regex Entries();

    // .param .b64 name / .param .align 8 .b8 name[16] / .shared .align 4 .b8 name[256]; no match for name[], which has no size of its own.
    [GeneratedRegex(
        @"\.(?<space>param|local|shared)\s+(\.align\s+(?<align>[0-9]+)\s+)?\.(pred|[busf](?<bits>8|16|32|64))\s+"
        + @"(?<name>(?>[\w$]+))(\[(?<count>[0-9]+)\])?(?!\[)")]
    private static partial Regex Declarations();

    [GeneratedRegex(@"\.extern\s+\.shared\b")]
    private static partial Regex Dynamic();

    [GeneratedRegex(@"(?<before>\.extern\s+\.shared\s+\.align\s+)[1248](?<after>\s)")]
    private static partial Regex DynamicAlignment();

    // Behind a predicate of the compiler's own; inline PTX names its predicates and knows what it promises.
    [GeneratedRegex(@"(?<before>@!?%\w+\s+bra)\.uni\b")]
    private static partial Regex UniformBranches();

    [GeneratedRegex(@"\.reg\s+\.\w+\s+(?<list>[^;]+);")]
    private static partial Regex RegisterLists();
}
