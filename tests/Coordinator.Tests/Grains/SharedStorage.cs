using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.State;
using Orleans.Storage;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>Storage that survives silos, rejects writers that have not read the current version, and can block a write.</summary>
internal sealed class SharedStorage : IGrainStorage
{
    private static readonly JsonSerializerOptions Json = new(CoordinatorJson.Default.Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(CoordinatorJson.Default, new DefaultJsonTypeInfoResolver()),
    };

    private readonly ConcurrentDictionary<(string Name, GrainId Grain), (byte[]? State, long Version)> _states = new();
    private readonly Lock _lock = new();
    private int _refused;

    /// <summary>Awaited before (false) and after (true) every write of a state.</summary>
    public Func<object, bool, Task> OnWrite { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Number of rejected writes.</summary>
    public int Refused => _refused;

    /// <summary>Number of grains that have a state of this name.</summary>
    public int Count(string stateName) => _states.Count(entry => entry.Key.Name == stateName && entry.Value.State is not null);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_states.TryGetValue((stateName, grainId), out var stored))
        {
            grainState.State = stored.State is null ? Activator.CreateInstance<T>() : JsonSerializer.Deserialize<T>(stored.State, Json)!;
            grainState.ETag = stored.Version.ToString(CultureInfo.InvariantCulture);
            grainState.RecordExists = stored.State is not null;
        }

        return Task.CompletedTask;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await OnWrite(grainState.State!, false);
        Add(stateName, grainId, grainState, JsonSerializer.SerializeToUtf8Bytes(grainState.State, Json));
        await OnWrite(grainState.State!, true);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Add(stateName, grainId, grainState, state: null);
        grainState.State = Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    /// <summary>Writes as another activation, which makes the current one a zombie.</summary>
    public void TakeOver(string stateName)
    {
        lock (_lock)
        {
            foreach (var (key, stored) in _states.Where(entry => entry.Key.Name == stateName).ToList())
            {
                _states[key] = (stored.State, stored.Version + 1);
            }
        }
    }

    /// <summary>Takes the trials from the stored state of an experiment, which can then not be activated.</summary>
    public void Damage(string experiment)
    {
        lock (_lock)
        {
            var (key, stored) = _states.Single(entry =>
                entry.Key is { Name: "experiment", Grain: var grain } && $"{grain.Key}" == experiment
            );
            var state = JsonNode.Parse(stored.State)!.AsObject();
            state[state.Single(property => property.Key.Equals("trials", StringComparison.OrdinalIgnoreCase)).Key] = null;
            _states[key] = (JsonSerializer.SerializeToUtf8Bytes(state), stored.Version);
        }
    }

    private void Add<T>(string stateName, GrainId grainId, IGrainState<T> grainState, byte[]? state)
    {
        lock (_lock)
        {
            var version = _states.TryGetValue((stateName, grainId), out var stored) ? stored.Version : 0;
            if (version != long.Parse(grainState.ETag ?? "0", CultureInfo.InvariantCulture))
            {
                Interlocked.Increment(ref _refused);
                throw new InconsistentStateException(
                    $"Another activation of {grainId} has written.",
                    version.ToString(CultureInfo.InvariantCulture),
                    grainState.ETag
                );
            }

            _states[(stateName, grainId)] = (state, version + 1);
            grainState.ETag = (version + 1).ToString(CultureInfo.InvariantCulture);
            grainState.RecordExists = state is not null;
        }
    }
}
