using System.Reflection;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Processes;

/// <summary>Fake grains of a run, with answers from the test.</summary>
internal sealed class FakeCoordinator
{
    private readonly Lock _lock = new();

    public FakeCoordinator() => Grains = (IGrainFactory)Proxy(typeof(IGrainFactory));

    public IGrainFactory Grains { get; }

    public long Term { get; set; } = 1;

    public Func<JoinRequest, Task<Answered>> OnJoin { get; set; } = _ => Unexpected<Answered>("join");

    public Func<Heartbeat, Task<Answered>> OnBeat { get; set; } = _ => Unexpected<Answered>("heartbeat");

    public Func<WorkerReport, Task<Answered>> OnReport { get; set; } = _ => Unexpected<Answered>("report");

    public Func<CheckpointWritten, Task<Answered>> OnCheckpointWritten { get; set; } = _ => Unexpected<Answered>("checkpoint");

    public Func<StoreRequest, Task<StoreAnswer?>> OnStore { get; set; } = _ => Unexpected<StoreAnswer?>("store request");

    public Func<int, Task<WorkerShard?>> OnShard { get; set; } = _ => Unexpected<WorkerShard?>("request for a shard");

    public Func<NodeReport, Task<NodeOrders>> OnNode { get; set; } = _ => Unexpected<NodeOrders>("node report");

    public Func<string, Task> OnNodeLeave { get; set; } = _ => Unexpected<bool>("leave");

    public Func<WorkerExit, Task> OnExit { get; set; } = _ => Unexpected<bool>("exit");

    /// <summary>Receives attached processes.</summary>
    public Func<IWorkerObserver, Task> OnAttach { get; set; } = _ => Task.CompletedTask;

    /// <summary>Passes heartbeats and checkpoints to the rules.</summary>
    public static FakeCoordinator Of(RunScript script)
    {
        var coordinator = new FakeCoordinator();
        coordinator.OnBeat = beat => coordinator.AnswerAsync(() => script.Send(beat));
        coordinator.OnCheckpointWritten = written => coordinator.AnswerAsync(() => script.Send(new RunMessage.Checkpointed(written)));
        return coordinator;
    }

    public Task<Answered> AnswerAsync(RunReply reply) => Task.FromResult(new Answered(Term, reply));

    /// <summary>Changes the run between two heartbeats.</summary>
    public void Do(Action action)
    {
        lock (_lock)
        {
            action();
        }
    }

    private static Task<T> Unexpected<T>(string call) =>
        Task.FromException<T>(new CoordinatorRefusedException($"Nobody expected a {call}."));

    private Task<Answered> AnswerAsync(Func<RunReply> turn)
    {
        lock (_lock)
        {
            return AnswerAsync(turn());
        }
    }

    private object Proxy(Type grain)
    {
        var proxy = DispatchProxy.Create(grain, typeof(GrainProxy));
        ((GrainProxy)proxy).Call = Call;
        return proxy;
    }

    private object Call(MethodInfo method, object?[] arguments) =>
        (method.Name, arguments) switch
        {
            (nameof(IGrainFactory.GetGrain), _) => Proxy(method.ReturnType),
            (nameof(IGrainFactory.CreateObjectReference), [IGrainObserver observer]) => observer,
            (nameof(IRunGrain.JoinAsync), [JoinRequest request]) => OnJoin(request),
            (nameof(IRunGrain.BeatAsync), [Heartbeat heartbeat]) => OnBeat(heartbeat),
            (nameof(IRunGrain.ReportAsync), [WorkerReport report]) => OnReport(report),
            (nameof(IRunGrain.CheckpointWrittenAsync), [CheckpointWritten checkpoint]) => OnCheckpointWritten(checkpoint),
            (nameof(IRunGrain.WorkerExitedAsync), [WorkerExit exit]) => OnExit(exit),
            (nameof(IRendezvousGrain.AskAsync), [StoreRequest request]) => OnStore(request),
            (nameof(IWorkerGrain.ShardAsync), [int generation]) => OnShard(generation),
            (nameof(IWorkerGrain.AttachAsync), [IWorkerObserver process]) => OnAttach(process),
            (nameof(INodeGrain.ExchangeAsync), [NodeReport report]) => OnNode(report),
            (nameof(INodeGrain.LeaveAsync), [string incarnation]) => OnNodeLeave(incarnation),
            _ => throw new NotSupportedException(method.Name),
        };

    /// <summary>Implements the interface of any grain.</summary>
    public class GrainProxy : DispatchProxy
    {
        internal Func<MethodInfo, object?[], object> Call { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Call(targetMethod!, args!);
    }
}
