using System.Collections.Concurrent;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Instructions;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>
/// Turns a kernel's statements into a program: gives every register a row and every variable an offset, finds labels, and puts the body of
/// a called function in the place of each call (ILGPU calls functions marked NoInlining and some of its own mathematics), so that a program
/// has one flow of control. Parameters of such functions become local memory.
/// </summary>
internal sealed class Translator
{
    // A program holds no state of a launch, so all drivers of a process share it.
    private static readonly ConcurrentDictionary<(PtxModule Module, string Entry, string Kernel), Program> Translated = new();

    private readonly string _kernel;
    private readonly PtxModule _module;
    private readonly RegisterFile _registers = new();
    private readonly List<Instruction> _code = [];
    private readonly List<Action> _aims = [];
    private readonly Stack<string> _calls = new();
    private readonly Dictionary<VariableDeclaration, VariableSymbol> _shared = new(ReferenceEqualityComparer.Instance);
    private int _sharedBytes;
    private int _localBytes;
    private int _parameterBytes;

    private Translator(string kernel, PtxModule module)
    {
        _kernel = kernel;
        _module = module;
    }

    /// <summary>Translates a kernel, or finds its program among those already translated.</summary>
    public static Program Translate(string kernel, PtxModule module, PtxEntry entry) =>
        Translated.GetOrAdd((module, entry.Name, kernel), _ => new Translator(kernel, module).Translate(entry));

    private Program Translate(PtxEntry entry)
    {
        // Static shared memory comes first, the dynamic part behind it.
        foreach (VariableDeclaration variable in _module.Functions.Values.Append(entry).SelectMany(one => one.Body)
            .OfType<VariableDeclaration>().Where(one => one.Space == "shared").Concat(_module.Variables))
        {
            _shared.Add(variable, Place(variable, Space.Shared, ref _sharedBytes));
        }

        var scope = new Scope(Outside());
        foreach (VariableDeclaration parameter in entry.Parameters)
        {
            Declare(scope, parameter, parameter.Name, Place(parameter, Space.Parameter, ref _parameterBytes));
        }

        Body(entry, scope, end: null);
        _code.Add(new Exit { Text = "the kernel's end" });
        _aims.ForEach(aim => aim());
        Reconvergence.Find(_code);
        return new Program
        {
            Name = _kernel,
            Code = [.. _code],
            RegisterBytes = _registers.Bytes,
            Predicates = _registers.PredicateNames.Count,
            Constants = _registers.Constants,
            Specials = _registers.Specials,
            RegisterNames = _registers.Names,
            PredicateNames = _registers.PredicateNames,
            SharedBytes = _sharedBytes,
            LocalBytes = (_localBytes + 15) / 16 * 16,
            ParameterBytes = _parameterBytes,
            MaxThreads = entry.MaxThreads,
        };
    }

    // What every kernel and function sees.
    private Scope Outside()
    {
        var scope = new Scope(null);
        foreach (VariableDeclaration variable in _module.Variables)
        {
            scope.Declare(variable.Name, _shared[variable]);
        }

        return scope;
    }

    // Translates a body; a function's "ret" goes to the label end, a kernel's ends the thread.
    private void Body(PtxEntry entry, Scope scope, string? end)
    {
        string? label = null;
        foreach (Statement statement in entry.Body)
        {
            switch (statement)
            {
                case Brace { Opens: true }:
                    scope = new Scope(scope);
                    break;
                case Brace:
                    // The last brace closes the body itself.
                    scope = scope.Parent ?? scope;
                    break;
                case Label mark:
                    label = mark.Name;
                    if (!scope.Mark(mark.Name, _code.Count))
                    {
                        throw Failure(mark, $"the label {mark.Name} stands here twice");
                    }

                    break;
                case BranchTargets targets when label is not null:
                    scope.List(label, targets.Labels);
                    break;
                case RegisterDeclaration registers:
                    Declare(scope, registers);
                    break;
                case VariableDeclaration variable:
                    Declare(
                        scope, variable, variable.Name, variable.Space == "shared" ? _shared[variable] : Place(variable, Space.Local, ref _localBytes));
                    break;
                case InstructionStatement instruction:
                    Translate(instruction, scope, end);
                    break;
                default:
                    throw Failure(statement, "this is not expected here");
            }
        }
    }

    private void Translate(InstructionStatement statement, Scope scope, string? end)
    {
        var decoder = new Decoder(_kernel, statement, scope, _registers);
        bool uniform = statement.Opcode.Contains("uni");
        switch (statement.Opcode[0])
        {
            case "call":
                Call(statement, scope);
                return;
            case "bra":
                {
                    var branch = new Branch { Uniform = uniform };
                    _aims.Add(() => branch.Target = Find(statement, scope, decoder.Operand(0).Name));
                    Add(branch, decoder, statement);
                    return;
                }

            case "brx":
                {
                    var branch = new IndexedBranch(decoder.Source(0, PtxType.U32)) { Uniform = uniform };
                    string list = decoder.Operand(1).Name;
                    _aims.Add(() => branch.Targets = scope.FindTargets(list)?.Select(name => Find(statement, scope, name)).ToArray()
                        ?? throw Failure(statement, $"{list} is no list of branch targets"));
                    Add(branch, decoder, statement);
                    return;
                }

            case "ret" when end is not null:
                {
                    var branch = new Branch { Uniform = uniform };
                    _aims.Add(() => branch.Target = Find(statement, scope, end));
                    Add(branch, decoder, statement);
                    return;
                }

            default:
                Add(InstructionSet.Translate(decoder), decoder, statement);
                return;
        }
    }

    private void Add(Instruction instruction, Decoder decoder, InstructionStatement statement)
    {
        instruction.Line = statement.Line;
        instruction.Text = statement.Text;
        instruction.Guard = statement.Guard is null ? null : decoder.Condition(statement.Guard);
        _code.Add(instruction);
    }

    // "call.uni (result), function, (arguments)": the caller's .param variables are the function's own.
    private void Call(InstructionStatement statement, Scope scope)
    {
        int at = statement.Operands[0].Kind == OperandKind.List ? 1 : 0;
        string name = statement.Operands[at].Name;
        if (!_module.Functions.TryGetValue(name, out PtxEntry? function))
        {
            throw Failure(statement, $"there is no function {name}");
        }

        if (statement.Guard is not null || _calls.Contains(name))
        {
            throw Failure(statement, "a call that is conditional or recursive is not known here");
        }

        var inner = new Scope(Outside());
        Pass(statement, scope, inner, at == 1 ? statement.Operands[0].Parts : [], function.Results);
        Pass(statement, scope, inner, statement.Operands.Count > at + 1 ? statement.Operands[at + 1].Parts : [], function.Parameters);
        _calls.Push(name);
        const string End = " end";
        Body(function, inner, End);
        inner.Mark(End, _code.Count);
        _calls.Pop();
    }

    private void Pass(
        InstructionStatement statement,
        Scope outer,
        Scope inner,
        IReadOnlyList<Operand> arguments,
        IReadOnlyList<VariableDeclaration> parameters)
    {
        if (arguments.Count != parameters.Count)
        {
            throw Failure(statement, $"the function has {parameters.Count} parameters, not {arguments.Count}");
        }

        for (int i = 0; i < arguments.Count; i++)
        {
            if (outer.Find(arguments[i].Name) is not VariableSymbol variable || variable.Bytes != parameters[i].Bytes)
            {
                throw Failure(statement, $"{arguments[i].Name} is no .param variable of {parameters[i].Bytes} bytes");
            }

            Declare(inner, parameters[i], parameters[i].Name, variable);
        }
    }

    private int Find(InstructionStatement statement, Scope scope, string label) =>
        scope.FindLabel(label) ?? throw Failure(statement, $"the label {label} is not declared");

    private void Declare(Scope scope, RegisterDeclaration registers)
    {
        for (int i = 0; i < (registers.Count ?? 1); i++)
        {
            string name = registers.Count is null ? registers.Name : registers.Name + i;
            Declare(scope, registers, name, _registers.Register(name, registers.Type));
        }
    }

    private void Declare(Scope scope, Statement statement, string name, Symbol symbol)
    {
        if (!scope.Declare(name, symbol))
        {
            throw Failure(statement, $"{name} is declared twice");
        }
    }

    private static VariableSymbol Place(VariableDeclaration variable, Space space, ref int bytes)
    {
        bytes = (bytes + variable.Alignment - 1) / variable.Alignment * variable.Alignment;
        var symbol = new VariableSymbol(space, bytes, variable.Bytes);
        bytes += variable.Bytes;
        return symbol;
    }

    private PtxFailure Failure(Statement statement, string reason) => new(_kernel, statement.Line, statement.Text, reason);
}
