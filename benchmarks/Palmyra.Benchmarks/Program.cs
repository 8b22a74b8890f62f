using BenchmarkDotNet.Running;

// dotnet run -c Release --project benchmarks/Palmyra.Benchmarks -- --filter '*Linear*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
