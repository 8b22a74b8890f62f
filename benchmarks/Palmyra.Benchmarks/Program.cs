using System.CommandLine;
using BenchmarkDotNet.Running;
using Palmyra.Benchmarks.Peers;
using Palmyra.Benchmarks.Results;
using Palmyra.Benchmarks.Targets;

// dotnet run -c Release --project benchmarks/Palmyra.Benchmarks -- targets       the paired runner
// dotnet run -c Release --project benchmarks/Palmyra.Benchmarks -- --filter '*Linear*'       BenchmarkDotNet
Command[] commands = [TargetsCommand.Create(), TurnsCommand.Create(), ReportCommand.Create(), ChartCommand.Create()];
if (args.Length > 0 && commands.Any(command => command.Name == args[0]))
{
    var root = new RootCommand("Measures Palmyra beside its machine's limits and its peers.");
    foreach (Command command in commands)
    {
        root.Add(command);
    }

    return root.Parse(args).Invoke();
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
