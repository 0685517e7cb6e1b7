import { Module, type DynamicModule } from '@nestjs/common';
import { KeysController } from './admin/keys.controller.ts';
import { OperationsController } from './admin/operations.controller.ts';
import { TenantsController } from './admin/tenants.controller.ts';
import { ArtifactsController } from './artifacts/artifacts.controller.ts';
import { BatchesController } from './batches/batches.controller.ts';
import { DocsController } from './docs/docs.controller.ts';
import { EventsController } from './generations/events.controller.ts';
import { GenerationsController } from './generations/generations.controller.ts';
import { RemoveGenerationController } from './generations/remove-generation.controller.ts';
import { HealthController } from './health/health.controller.ts';
import { Shutdown } from './health/shutdown.ts';
import { PARTS, type Parts } from './parts.ts';
import { PresetsController } from './presets/presets.controller.ts';
import { QueueController } from './queue/queue.controller.ts';
import { FilesController } from './replicate/files.controller.ts';
import { ModelsController } from './replicate/models.controller.ts';
import { PredictionsController } from './replicate/predictions.controller.ts';
import { StreamsController } from './replicate/streams.controller.ts';
import { SubjectsController } from './subjects/subjects.controller.ts';
import { UploadsController } from './uploads/uploads.controller.ts';
import { UsageController } from './usage/usage.controller.ts';
import { DefaultSecretController } from './webhook-endpoints/default-secret.controller.ts';
import { WebhookDeliveriesController } from './webhook-endpoints/webhook-deliveries.controller.ts';
import { WebhookEndpointsController } from './webhook-endpoints/webhook-endpoints.controller.ts';

@Module({
  controllers: [
    GenerationsController,
    EventsController,
    BatchesController,
    PresetsController,
    RemoveGenerationController,
    UploadsController,
    SubjectsController,
    ArtifactsController,
    WebhookEndpointsController,
    WebhookDeliveriesController,
    DefaultSecretController,
    PredictionsController,
    StreamsController,
    FilesController,
    ModelsController,
    UsageController,
    OperationsController,
    QueueController,
    HealthController,
    DocsController,
    TenantsController,
    KeysController,
  ],
})
export class AppModule {
  static with(parts: Parts): DynamicModule {
    return { module: AppModule, providers: [{ provide: PARTS, useValue: parts }, Shutdown] };
  }
}
